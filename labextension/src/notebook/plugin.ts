import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import {
  ISessionContextDialogs,
  IToolbarWidgetRegistry
} from '@jupyterlab/apputils';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { CommandIDs } from '../commands';
import { IContinuumModel } from '../tokens';
import { Attached } from './attached';
import { ClusterChoice } from './ClusterChoice';

/** The name that `schema/notebook.json` has for it. */
const ITEM = 'continuum-cluster';

/** The choice of a cluster in every notebook's toolbar. */
export const notebookPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-continuum:notebook',
  description: "The choice of a cluster in a notebook's toolbar.",
  autoStart: true,
  requires: [IContinuumModel, IToolbarWidgetRegistry],
  optional: [ISessionContextDialogs, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    model: IContinuumModel,
    toolbars: IToolbarWidgetRegistry,
    dialogs: ISessionContextDialogs | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load('jupyter_continuum');
    const attached = new Attached();
    const openPanel = () => void app.commands.execute(CommandIDs.openPanel);
    toolbars.addFactory<NotebookPanel>(
      'Notebook',
      ITEM,
      panel =>
        new ClusterChoice({ panel, model, attached, dialogs, openPanel, trans })
    );
  }
};
