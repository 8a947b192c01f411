import type { ISessionContext } from '@jupyterlab/apputils';
import type { Kernel, KernelMessage } from '@jupyterlab/services';
import type { JSONValue } from '@lumino/coreutils';
import { type ISignal, Signal } from '@lumino/signaling';

/** What `jupyter_continuum/workbench/announcing.py` opens. */
const TARGET = 'jupyter_continuum.attached';
const NEW_PROCESS: readonly Kernel.Status[] = [
  'restarting',
  'autorestarting',
  'terminating',
  'dead'
];

/** Which cluster each kernel works with, in the kernels' own words. */
export class Attached {
  /** '' while the kernel is attached to none. */
  to(kernel: Kernel.IKernelConnection | null | undefined): string {
    return (kernel && this._clusters.get(kernel)) ?? '';
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Listen to the kernel of a notebook, whichever it has. */
  follow(session: ISessionContext): void {
    if (this._followed.has(session)) {
      return;
    }
    this._followed.add(session);
    const take = () => void this.listen(session.session?.kernel ?? null);
    session.kernelChanged.connect(take);
    session.statusChanged.connect((_, status) => {
      const kernel = session.session?.kernel;
      if (kernel && NEW_PROCESS.includes(status)) {
        this.put(kernel, '');
      }
    });
    take();
  }

  private async listen(kernel: Kernel.IKernelConnection | null): Promise<void> {
    this._changed.emit();
    if (kernel === null || !kernel.handleComms) {
      return;
    }
    kernel.registerCommTarget(TARGET, (comm, message) => {
      this.hear(kernel, comm);
      this.put(kernel, clusterOf(message.content.data));
    });
    // It may have been attached before this page was there.
    const found = await kernel
      .requestCommInfo({ target_name: TARGET })
      .catch(() => null); // it ended meanwhile
    if (found?.content.status !== 'ok' || kernel.isDisposed) {
      return;
    }
    for (const id of Object.keys(found.content.comms)) {
      if (!kernel.hasComm(id)) {
        const comm = kernel.createComm(TARGET, id);
        this.hear(kernel, comm);
        comm.send({});
      }
    }
  }

  private hear(kernel: Kernel.IKernelConnection, comm: Kernel.IComm): void {
    comm.onMsg = (message: KernelMessage.ICommMsgMsg) =>
      this.put(kernel, clusterOf(message.content.data));
  }

  private put(kernel: Kernel.IKernelConnection, cluster: string): void {
    if (this.to(kernel) !== cluster) {
      this._clusters.set(kernel, cluster);
      this._changed.emit();
    }
  }

  private readonly _clusters = new WeakMap<Kernel.IKernelConnection, string>();
  private readonly _followed = new WeakSet<ISessionContext>();
  private readonly _changed = new Signal<this, void>(this);
}

function clusterOf(data: JSONValue): string {
  const name =
    typeof data === 'object' && data !== null && !Array.isArray(data)
      ? data['cluster']
      : '';
  return typeof name === 'string' ? name : '';
}
