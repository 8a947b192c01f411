import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette, Notification } from '@jupyterlab/apputils';
import { PageConfig } from '@jupyterlab/coreutils';
import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import { ILauncher } from '@jupyterlab/launcher';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { Poll } from '@lumino/polling';

import { Actions } from './actions';
import { ContinuumApi } from './api';
import { addBrowsing } from './browsing';
import { tellExpiry } from './expiry';
import { changeOf } from './changes';
import { tellFetched } from './files/fetching';
import { FilesModel } from './files/model';
import { addCommands, CommandIDs } from './commands';
import { ContinuumModel } from './model';
import { ContinuumPanel } from './panel';
import { notebookPlugin } from './notebook/plugin';
import { addPanes } from './panes';
import { siteName } from './select';
import { statusPlugin } from './statusbar';
import { sweepsPlugin } from './sweep/opening';
import { IContinuumModel } from './tokens';

export { IContinuumModel } from './tokens';
export type * from './wire';

const DOMAIN = 'jupyter_continuum';
const POLL_MS = 60_000;
const LONGEST_POLL_MS = 300_000;
/** First try after the broker was lost; the waits grow from there. */
const RETRY_MS = 3000;

const modelPlugin: JupyterFrontEndPlugin<IContinuumModel> = {
  id: 'jupyter-continuum:model',
  description:
    'Knows sites, clusters and prompts; follows the server by its events.',
  autoStart: true,
  provides: IContinuumModel,
  optional: [ITranslator],
  activate: (app: JupyterFrontEnd, translator: ITranslator | null) => {
    const { serviceManager } = app;
    const model = new ContinuumModel(
      new ContinuumApi(serviceManager.serverSettings),
      (translator ?? nullTranslator).load(DOMAIN)
    );
    serviceManager.events.stream.connect((_, event) => {
      const change = changeOf(event);
      if (change !== null) {
        model.apply(change);
      }
    });
    return model;
  }
};

const panelPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-continuum:plugin',
  description:
    'The side panel with sites, launch and clusters, and its commands.',
  autoStart: true,
  requires: [IContinuumModel],
  optional: [
    ICommandPalette,
    ILauncher,
    ILayoutRestorer,
    INotebookTracker,
    ISettingRegistry,
    ITranslator,
    IDefaultFileBrowser
  ],
  activate: (
    app: JupyterFrontEnd,
    model: IContinuumModel,
    palette: ICommandPalette | null,
    launcher: ILauncher | null,
    restorer: ILayoutRestorer | null,
    notebooks: INotebookTracker | null,
    registry: ISettingRegistry | null,
    translator: ITranslator | null,
    files: IDefaultFileBrowser | null
  ) => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const { commands, serviceManager } = app;
    const siteFiles = new FilesModel(
      new ContinuumApi(serviceManager.serverSettings)
    );
    serviceManager.events.stream.connect((_, event) => {
      const change = changeOf(event);
      if (change !== null) {
        siteFiles.apply(change);
      }
    });
    const showFile = async (path: string) => {
      await files?.model.refresh();
      await commands.execute('filebrowser:go-to-path', { path });
    };
    tellFetched(
      siteFiles,
      id => siteName(model.sites, id),
      path => void showFile(path),
      trans
    );
    const actions = new Actions(model, siteFiles, notebooks, trans, {
      contents: serviceManager.contents,
      openBrowse: () => void commands.execute(CommandIDs.browse),
      openPanel: () => void commands.execute(CommandIDs.openPanel),
      openTerminal: () => void commands.execute('terminal:create-new'),
      openFile: path => void commands.execute('docmanager:open', { path }),
      openPlot: plot => void commands.execute(CommandIDs.openPlot, { ...plot }),
      folder: () => files?.model.path ?? ''
    });
    const endsWithContainer =
      PageConfig.getOption('jupyterContinuumLifetime') === 'container';
    const panel = new ContinuumPanel({
      endsWithContainer,
      model,
      files: siteFiles,
      actions,
      trans
    });
    app.shell.add(panel, 'left', { rank: 310, type: 'Continuum' });
    restorer?.add(panel, panel.id);
    addCommands({ app, model, actions, palette, panel, trans });
    addPanes({ app, model, restorer, trans });
    const browsing = { app, model, actions, launcher, palette, restorer };
    addBrowsing({ ...browsing, registry, trans });

    model.failed.connect((_, message) => {
      const callback = () => void commands.execute(CommandIDs.openPanel);
      Notification.error(message, {
        autoClose: false,
        actions: [{ label: trans.__('Open Continuum'), callback }]
      });
    });
    askNewPrompts(model, actions);
    tellExpiry(model, actions, trans);

    // Events bring what changes; this only heals what they missed.
    const poll = new Poll({
      auto: true,
      factory: async () => {
        if (panel.isVisible) {
          await model.refresh();
        }
        if (model.phase === 'failed') {
          throw new Error(model.trouble);
        }
      },
      frequency: { interval: POLL_MS, backoff: true, max: LONGEST_POLL_MS },
      name: 'jupyter-continuum:refresh',
      standby: 'when-hidden'
    });
    panel.disposed.connect(() => poll.dispose());
    model.stateChanged.connect(() => {
      if (model.phase === 'failed' && poll.state.phase === 'resolved') {
        void poll.schedule({ interval: RETRY_MS, phase: 'standby' });
      }
    });
  }
};

/** Open a dialog once for every prompt; one put aside stays in the panel. */
function askNewPrompts(model: IContinuumModel, actions: Actions): void {
  const asked = new Set<string>();
  model.stateChanged.connect(() => {
    for (const prompt of model.prompts) {
      if (!asked.has(prompt.id)) {
        asked.add(prompt.id);
        actions.answer(prompt);
      }
    }
  });
}

export default [
  modelPlugin,
  panelPlugin,
  notebookPlugin,
  statusPlugin,
  sweepsPlugin
];
