import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ReactWidget, UseSignal } from '@jupyterlab/apputils';
import { IStatusBar } from '@jupyterlab/statusbar';
import {
  ITranslator,
  nullTranslator,
  type TranslationBundle
} from '@jupyterlab/translation';

import { CommandIDs } from './commands';
import { continuumIcon } from './icon';
import { workersOf } from './select';
import { IContinuumModel } from './tokens';

/** Clusters and workers in the status bar. */
export const statusPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-continuum:status',
  description: 'Clusters that run and their workers, in the status bar.',
  autoStart: true,
  requires: [IContinuumModel, IStatusBar],
  optional: [ITranslator],
  activate: (
    app: JupyterFrontEnd,
    model: IContinuumModel,
    bar: IStatusBar,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load('jupyter_continuum');
    const open = () => void app.commands.execute(CommandIDs.openPanel);
    const item = ReactWidget.create(
      <UseSignal signal={model.stateChanged}>
        {() => <Summary model={model} open={open} trans={trans} />}
      </UseSignal>
    );
    item.addClass('jp-mod-highlighted');
    item.addClass('jp-Continuum-status');
    bar.registerStatusItem('jupyter-continuum:status', {
      item,
      align: 'left',
      rank: 5
    });
    // An event before anybody asked: a broker runs, and to ask it starts nothing.
    model.stateChanged.connect(() => {
      if (model.phase === 'idle' && model.clusters.length) {
        void model.refresh();
      }
    });
  }
};

function Summary(props: {
  readonly model: IContinuumModel;
  readonly open: () => void;
  readonly trans: TranslationBundle;
}): JSX.Element {
  const { model, open, trans } = props;
  const { text, hint } = summary(model, trans);
  return (
    <button type="button" title={hint} onClick={open}>
      <continuumIcon.react tag="span" stylesheet="statusBar" />
      <span className="jp-StatusBar-TextItem">{text}</span>
    </button>
  );
}

function summary(
  model: IContinuumModel,
  trans: TranslationBundle
): { readonly text: string; readonly hint: string } {
  const live = model.clusters.filter(it => it.state !== 'stopped');
  if (model.phase === 'failed') {
    return { text: trans.__('Continuum: no answer'), hint: model.trouble };
  }
  if (model.phase !== 'ready') {
    // Nobody has asked yet.
    return { text: trans.__('Continuum'), hint: trans.__('Open Continuum') };
  }
  if (!live.length) {
    return { text: trans.__('No cluster'), hint: trans.__('Open Continuum') };
  }
  const { ready, wanted } = workersOf(live);
  return {
    text: [
      trans._n('%1 cluster', '%1 clusters', live.length),
      trans.__('%1 / %2 workers', ready, wanted)
    ].join(' · '),
    hint: live.map(it => `${it.name}: ${it.state}`).join('\n')
  };
}
