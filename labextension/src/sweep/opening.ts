import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import {
  ICommandPalette,
  Notification,
  WidgetTracker
} from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import {
  ABCWidgetFactory,
  type DocumentRegistry,
  DocumentWidget,
  TextModelFactory
} from '@jupyterlab/docregistry';
import { FileDialog, IFileBrowserFactory } from '@jupyterlab/filebrowser';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { spreadsheetIcon } from '@jupyterlab/ui-components';
import { Widget } from '@lumino/widgets';

import { ContinuumApi } from '../api';
import { continuumIcon } from '../icon';
import { messageOf } from '../model';
import { folderOf, SWEEP, TABLE } from './places';
import type { SweepWidget } from './widget';

export namespace CommandIDs {
  export const open = 'jupyter-continuum:open-sweep';
  export const openSelected = 'jupyter-continuum:open-selected-sweep';
}

const FACTORY = 'Sweep';
/** What opens them in a folder that is no sweep's. */
const OTHERWISE: Readonly<Record<string, string>> = { [TABLE]: 'CSVTable' };

/** Opens sweeps; what shows them is loaded with the first. */
export const sweepsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-continuum:sweeps',
  description: 'Opens the folder of a sweep as a table of its runs.',
  autoStart: true,
  requires: [IDocumentManager],
  optional: [
    ICommandPalette,
    ILayoutRestorer,
    IFileBrowserFactory,
    ITranslator
  ],
  activate: (
    app: JupyterFrontEnd,
    documents: IDocumentManager,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null,
    browsers: IFileBrowserFactory | null,
    translator: ITranslator | null
  ) => {
    const { commands, docRegistry, serviceManager, shell } = app;
    const trans = (translator ?? nullTranslator).load('jupyter_continuum');
    const api = new ContinuumApi(serviceManager.serverSettings);
    const tracker = new WidgetTracker<SweepWidget>({
      namespace: 'jupyter-continuum-sweep'
    });

    const show = async (path: string): Promise<void> => {
      const { SweepWidget } = await import('./widget');
      let widget = tracker.find(it => it.path === path);
      if (widget === undefined) {
        widget = new SweepWidget({
          api,
          path,
          trans,
          openNotebook: notebook => void documents.openOrReveal(notebook)
        });
        await tracker.add(widget);
        shell.add(widget, 'main', { type: 'Sweep' });
      }
      shell.activateById(widget.id);
    };
    const selected = () =>
      folderOf([...(browsers?.tracker.currentWidget?.selectedItems() ?? [])]);

    commands.addCommand(CommandIDs.open, {
      label: trans.__('Open Sweep…'),
      caption: trans.__("Show a sweep's progress and the table of its runs"),
      icon: continuumIcon,
      describedBy: {
        args: {
          type: 'object',
          properties: {
            path: {
              type: 'string',
              description: trans.__("The sweep's folder; asked for without")
            }
          }
        }
      },
      execute: async args => {
        const path =
          typeof args.path === 'string'
            ? args.path
            : await asked(documents, trans.__('Folder of the Sweep'));
        if (path !== null) {
          await show(path);
        }
      }
    });
    commands.addCommand(CommandIDs.openSelected, {
      label: trans.__('Open Sweep'),
      icon: continuumIcon,
      describedBy: { args: { type: 'object', properties: {} } },
      isVisible: () => selected() !== null,
      execute: async () => {
        const path = selected();
        if (path !== null) {
          await show(path);
        }
      }
    });
    palette?.addItem({
      command: CommandIDs.open,
      category: trans.__('Continuum')
    });
    app.contextMenu.addItem({
      command: CommandIDs.openSelected,
      selector: '.jp-DirListing-item',
      rank: 1
    });
    void restorer?.restore(tracker, {
      command: CommandIDs.open,
      args: widget => ({ path: widget.path }),
      name: widget => widget.path
    });

    const fileTypes = [
      { name: 'continuum-sweep', file: SWEEP, icon: continuumIcon },
      { name: 'continuum-sweep-table', file: TABLE, icon: spreadsheetIcon }
    ];
    for (const { name, file, icon } of fileTypes) {
      docRegistry.addFileType({
        name,
        displayName: trans.__('Sweep'),
        pattern: `^${file.replace('.', '\\.')}$`,
        icon
      });
    }
    docRegistry.addModelFactory(new NoContent());
    const names = fileTypes.map(({ name }) => name);
    const factory = new Doorway(
      {
        name: FACTORY,
        label: trans.__('Sweep'),
        modelName: NO_CONTENT,
        fileTypes: names,
        defaultFor: names,
        readOnly: true
      },
      async path => {
        const folder = PathExt.dirname(path);
        try {
          await api.sweep(folder, NOTHING_BEFORE);
          await show(folder);
        } catch (error) {
          const other = OTHERWISE[PathExt.basename(path)] ?? 'Editor';
          if (documents.openOrReveal(path, other) === undefined) {
            Notification.error(messageOf(error), { autoClose: false });
          }
        }
      }
    );
    docRegistry.addWidgetFactory(factory);
  }
};

/** Later than any run: asks only whether there is a sweep. */
const NOTHING_BEFORE = '9'.repeat(19);
const NO_CONTENT = 'jupyter-continuum:no-content';

/** A model for files that the server reads itself. */
class NoContent extends TextModelFactory {
  get name(): string {
    return NO_CONTENT;
  }

  get fileFormat(): null {
    return null;
  }
}

/** A document that is gone as soon as it has opened the sweep that its file belongs to. */
class Doorway extends ABCWidgetFactory<DocumentWidget> {
  constructor(
    options: DocumentRegistry.IWidgetFactoryOptions<DocumentWidget>,
    private readonly enter: (path: string) => Promise<void>
  ) {
    super(options);
  }

  protected createNewWidget(context: DocumentRegistry.Context): DocumentWidget {
    const widget = new DocumentWidget({ content: new Widget(), context });
    void context.ready
      .then(() => this.enter(context.path))
      .finally(() => widget.dispose());
    return widget;
  }
}

async function asked(
  manager: IDocumentManager,
  title: string
): Promise<string | null> {
  const { value } = await FileDialog.getExistingDirectory({ manager, title });
  return value?.[0]?.path ?? null;
}
