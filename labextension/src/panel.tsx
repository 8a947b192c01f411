import { ReactWidget } from '@jupyterlab/apputils';
import type { Message } from '@lumino/messaging';

import { Panel } from './components/Panel';
import type { IPanelContext } from './components/context';
import { continuumIcon } from './icon';

/** The side panel; asks for nothing until somebody sees it. */
export class ContinuumPanel extends ReactWidget {
  constructor(private readonly context: IPanelContext) {
    super();
    const { trans } = context;
    this.id = 'jupyter-continuum-panel';
    this.addClass('jp-Continuum');
    this.title.icon = continuumIcon;
    this.title.caption = trans.__('Continuum: sites and clusters');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('Continuum'));
  }

  protected onAfterShow(message: Message): void {
    super.onAfterShow(message);
    const { model } = this.context;
    if (model.phase === 'idle' || model.phase === 'failed') {
      void model.refresh();
    }
  }

  protected render(): JSX.Element {
    return <Panel {...this.context} />;
  }
}
