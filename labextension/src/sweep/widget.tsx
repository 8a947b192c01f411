import '../../style/sweep.css';

import { MainAreaWidget, ReactWidget } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Message } from '@lumino/messaging';
import { Poll } from '@lumino/polling';

import { continuumIcon } from '../icon';
import type { ISweepApi } from '../tokens';
import type { ISweepRow } from '../wire';
import { SweepModel } from './model';
import { Sweep } from './Sweep';

const GOING_MS = 2000;
/** One that has ended may be gone on with. */
const ENDED_MS = 15_000;
const LONGEST_MS = 60_000;

export interface ISweepOptions {
  readonly api: ISweepApi;
  readonly path: string;
  readonly trans: TranslationBundle;
  readonly openNotebook: (path: string) => void;
}

class Content extends ReactWidget {
  constructor(private readonly content: () => JSX.Element) {
    super();
    this.addClass('jp-Continuum');
    this.addClass('jp-Continuum-sweep');
  }

  protected render(): JSX.Element {
    return this.content();
  }
}

/** A sweep in the main area; it looks at the folder only while somebody sees it. */
export class SweepWidget extends MainAreaWidget {
  constructor(options: ISweepOptions) {
    const { api, path, trans } = options;
    const model = new SweepModel(api, path);
    const open = (row: ISweepRow) =>
      options.openNotebook(model.notebookOf(row));
    const content = new Content(() => (
      <Sweep model={model} trans={trans} open={open} />
    ));
    super({ content });
    this.toolbar.hide(); // it is empty
    this.path = path;
    this.id = `jupyter-continuum-sweep:${path}`;
    this.title.label = path.split('/').pop() || path;
    this.title.caption = trans.__('Sweep: %1', path);
    this.title.icon = continuumIcon;
    this.title.closable = true;
    content.node.setAttribute('role', 'region');
    content.node.setAttribute('aria-label', trans.__('Sweep %1', path));
    this._poll = new Poll({
      auto: false,
      factory: () => model.refresh(),
      frequency: { interval: GOING_MS, backoff: true, max: LONGEST_MS },
      name: `jupyter-continuum:sweep:${path}`,
      standby: () => (this.isVisible ? 'when-hidden' : true)
    });
    model.stateChanged.connect(() => {
      const interval = model.view?.going === false ? ENDED_MS : GOING_MS;
      if (this._poll.frequency.interval !== interval) {
        this._poll.frequency = { ...this._poll.frequency, interval };
      }
    });
    this._model = model;
  }

  /** The folder, as the file browser has it. */
  readonly path: string;

  dispose(): void {
    this._poll.dispose();
    this._model.dispose();
    super.dispose();
  }

  protected onAfterShow(message: Message): void {
    super.onAfterShow(message);
    void this._poll.refresh();
  }

  protected onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    if (this.isVisible) {
      void this._poll.refresh();
    }
  }

  protected onActivateRequest(message: Message): void {
    super.onActivateRequest(message);
    this.node.querySelector<HTMLElement>('[role=grid]')?.focus();
  }

  private readonly _model: SweepModel;
  private readonly _poll: Poll;
}
