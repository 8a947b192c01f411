import { Notification } from '@jupyterlab/apputils';
import { PageConfig, URLExt } from '@jupyterlab/coreutils';
import { type INotebookTracker, NotebookActions } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import { PromiseDelegate } from '@lumino/coreutils';

import type { IActions } from './components/context';
import * as dialogs from './dialogs';
import { messageOf } from './model';
import type { IContinuumModel } from './tokens';
import type { ICluster, IPrompt, ISite, IWorker } from './wire';

const CLOSE_AFTER_MS = 4000;

/** What clicks and commands do beyond changing the model: dialogs, notebooks, tabs. */
export class Actions implements IActions {
  constructor(
    private readonly model: IContinuumModel,
    private readonly notebooks: INotebookTracker | null,
    private readonly trans: TranslationBundle,
    private readonly openBrowse: () => void,
    private readonly openPanel: () => void
  ) {}

  reveal(site: string): void {
    this.openPanel();
    this.model.reveal(site);
  }

  refresh(site: ISite): void {
    void this.reporting(() => this.model.refreshSite(site.id));
  }

  browse(): void {
    this.openBrowse();
  }

  connect(site: ISite): void {
    void this.reporting(async () => {
      const profile = await dialogs.askProfile(site, this.trans);
      if (profile !== null) {
        await this.model.connectSite(profile);
      }
    });
  }

  disconnect(site: ISite): void {
    void this.reporting(() => this.model.disconnectSite(site.id));
  }

  dryRun(): void {
    void this.reporting(async () => {
      const dryRun = await this.model.dryRun();
      if (await dialogs.confirmDryRun(dryRun, this.trans)) {
        await this.model.launch();
      }
    });
  }

  launch(): void {
    void this.reporting(() => this.model.launch());
  }

  insertCell(cluster: ICluster): void {
    void this.reporting(() => this.insert(cluster));
  }

  openDashboard(cluster: ICluster): void {
    this.openPage(cluster, 'status');
  }

  openWorker(cluster: ICluster, worker: IWorker): void {
    this.openPage(cluster, `worker/${encodeURIComponent(worker.name)}/main`);
  }

  showLogs(cluster: ICluster, group: string): void {
    void this.reporting(async () => {
      const logs = await this.model.logs(cluster.name, group);
      const title = group
        ? this.trans.__('Logs of %1 in %2', group, cluster.name)
        : this.trans.__('Logs of %1', cluster.name);
      await dialogs.showLogs(title, logs, this.trans);
    });
  }

  stop(cluster: ICluster): void {
    void this.reporting(async () => {
      if (await dialogs.confirmStop(cluster, this.trans)) {
        await this.model.stop(cluster.name);
      }
    });
  }

  scale(cluster: ICluster, group: string, jobs: number): void {
    void this.reporting(() => this.model.scale(cluster.name, group, jobs));
  }

  probe(site: ISite): void {
    void this.reporting(() =>
      this.model.probeSite(site.id, site.reach?.offer ?? '')
    );
  }

  cancelProbe(site: ISite): void {
    void this.reporting(() => this.model.cancelProbe(site.id));
  }

  answer(prompt: IPrompt): void {
    void this.reporting(async () => {
      const gone = new PromiseDelegate<void>();
      const look = () => {
        if (!this.model.prompts.some(it => it.id === prompt.id)) {
          gone.resolve();
        }
      };
      this.model.stateChanged.connect(look);
      const answer = await dialogs
        .askPrompt(prompt, gone.promise, this.trans)
        .finally(() => this.model.stateChanged.disconnect(look));
      if (answer !== null) {
        await this.model.answer(prompt.id, answer.value);
      }
    });
  }

  /** Put the cell below the active one, or into it when it is empty. */
  private openPage(cluster: ICluster, page: string): void {
    const path = `jupyter-continuum/clusters/${cluster.name}/dashboard`;
    const url = URLExt.join(PageConfig.getBaseUrl(), path, page);
    window.open(url, '_blank', 'noopener');
  }

  private async insert(cluster: ICluster): Promise<void> {
    const panel = this.notebooks?.currentWidget ?? null;
    if (panel === null) {
      Notification.warning(
        this.trans.__(
          'Open a notebook first; the cell goes below its active one.'
        ),
        { autoClose: CLOSE_AFTER_MS }
      );
      return;
    }
    // A notebook that is still loading would drop the cell.
    await panel.context.ready;
    const active = panel.content.activeCell;
    if (
      active?.model.type !== 'code' ||
      active.model.sharedModel.source.trim()
    ) {
      NotebookActions.insertBelow(panel.content);
    }
    panel.content.activeCell?.model.sharedModel.setSource(
      attachingCode(cluster)
    );
    panel.content.mode = 'edit';
    panel.content.activeCell?.node.scrollIntoView({ block: 'nearest' });
    panel.activate();
  }

  private async reporting(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      Notification.error(messageOf(error), { autoClose: false });
    }
  }
}

/** What attaches a notebook to a cluster. */
export function attachingCode(cluster: ICluster): string {
  return (
    cluster.attach ||
    [
      'import jupyter_continuum as jc',
      '',
      `client = jc.attach("${cluster.name}").get_client()`,
      'client'
    ].join('\n')
  );
}
