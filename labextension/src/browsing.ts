import type { ILayoutRestorer, JupyterFrontEnd } from '@jupyterlab/application';
import {
  type ICommandPalette,
  MainAreaWidget,
  WidgetTracker
} from '@jupyterlab/apputils';
import type { ILauncher } from '@jupyterlab/launcher';
import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { Actions } from './actions';
import { CommandIDs } from './commands';
import { continuumIcon } from './icon';
import type { IContinuumModel } from './tokens';

/** The plugin whose schema has them. */
const SETTINGS = 'jupyter-continuum:plugin';

export interface IBrowsingOptions {
  readonly app: JupyterFrontEnd;
  readonly model: IContinuumModel;
  readonly actions: Actions;
  readonly launcher: ILauncher | null;
  readonly palette: ICommandPalette | null;
  readonly restorer: ILayoutRestorer | null;
  readonly registry: ISettingRegistry | null;
  readonly trans: TranslationBundle;
}

/** The command that opens the view of all offers; its code is loaded when it is first run. */
export function addBrowsing(options: IBrowsingOptions): void {
  const { app, model, actions, launcher, palette, restorer } = options;
  const { registry, trans } = options;
  const tracker = new WidgetTracker<MainAreaWidget>({
    namespace: 'jupyter-continuum-browse'
  });
  app.commands.addCommand(CommandIDs.browse, {
    label: trans.__('Browse Compute'),
    caption: trans.__('All offers of all sites: filter, sort, choose, launch'),
    icon: continuumIcon,
    describedBy: { args: { type: 'object', properties: {} } },
    execute: async () => {
      let widget = tracker.currentWidget;
      if (widget === null) {
        const [{ browseWidget, SavedFilters }, settings] = await Promise.all([
          import('./browse/widget'),
          registry?.load(SETTINGS) ?? null
        ]);
        // A second click may have been quicker.
        widget = tracker.currentWidget;
        if (widget === null) {
          widget = browseWidget({
            model,
            saved: settings && new SavedFilters(settings),
            trans,
            connect: site => actions.connect(site),
            openLaunch: () => void app.commands.execute(CommandIDs.openPanel)
          });
          void tracker.add(widget);
          app.shell.add(widget, 'main', { type: 'Continuum' });
        }
      }
      app.shell.activateById(widget.id);
    }
  });
  palette?.addItem({
    command: CommandIDs.browse,
    category: trans.__('Continuum')
  });
  launcher?.add({
    command: CommandIDs.browse,
    category: trans.__('Other'),
    rank: 0
  });
  void restorer?.restore(tracker, {
    command: CommandIDs.browse,
    name: () => 'browse'
  });
}
