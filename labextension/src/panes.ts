import type { ILayoutRestorer, JupyterFrontEnd } from '@jupyterlab/application';
import { MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import { URLExt } from '@jupyterlab/coreutils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { IFrame } from '@jupyterlab/ui-components';

import { CommandIDs } from './commands';
import { continuumIcon } from './icon';
import type { IContinuumModel } from './tokens';

export interface IPanesOptions {
  readonly app: JupyterFrontEnd;
  readonly model: IContinuumModel;
  readonly restorer: ILayoutRestorer | null;
  readonly trans: TranslationBundle;
}

/** One plot of a cluster's dashboard. */
class Pane extends MainAreaWidget<IFrame> {
  constructor(
    readonly cluster: string,
    readonly path: string,
    readonly plot: string
  ) {
    // Bokeh's page needs scripts, and our origin for its WebSocket.
    super({
      content: new IFrame({ sandbox: ['allow-scripts', 'allow-same-origin'] })
    });
    this.id = `jupyter-continuum-plot:${cluster}:${path}`;
    this.title.label = `${plot} · ${cluster}`;
    this.title.icon = continuumIcon;
    this.title.closable = true;
    this.toolbar.hide();
  }
}

/** The command that opens a plot of a cluster as a tab; it closes when the cluster is gone. */
export function addPanes(options: IPanesOptions): void {
  const { app, model, restorer, trans } = options;
  const { commands, serviceManager, shell } = app;
  const tracker = new WidgetTracker<Pane>({
    namespace: 'jupyter-continuum-plots'
  });
  commands.addCommand(CommandIDs.openPlot, {
    label: trans.__('Open a Plot of the Dask Dashboard'),
    describedBy: {
      args: {
        type: 'object',
        properties: {
          cluster: { type: 'string', description: trans.__('The cluster') },
          path: {
            type: 'string',
            description: trans.__('Its page, as in "individual-task-stream"')
          },
          plot: { type: 'string', description: trans.__('Title of the tab') }
        },
        required: ['cluster', 'path']
      }
    },
    execute: args => {
      const [cluster, path] = [String(args.cluster), pageOf(String(args.path))];
      const open = tracker.find(
        it => it.cluster === cluster && it.path === path
      );
      const pane = open ?? new Pane(cluster, path, String(args.plot ?? path));
      if (!open) {
        pane.content.url = URLExt.join(
          serviceManager.serverSettings.baseUrl,
          'jupyter-continuum/clusters',
          encodeURIComponent(cluster),
          'dashboard',
          path
        );
        pane.content.node
          .querySelector('iframe')
          ?.setAttribute('title', pane.title.label);
        void tracker.add(pane);
        shell.add(pane, 'main', { mode: 'split-right', type: 'Continuum' });
      }
      shell.activateById(pane.id);
    }
  });
  model.stateChanged.connect(() => {
    if (model.phase === 'ready') {
      const live = new Set(model.clusters.map(it => it.name));
      tracker
        .filter(pane => !live.has(pane.cluster))
        .forEach(pane => pane.dispose());
    }
  });
  void restorer?.restore(tracker, {
    command: CommandIDs.openPlot,
    args: ({ cluster, path, plot }) => ({ cluster, path, plot }),
    name: ({ id }) => id
  });
}

/** A page's name and nothing that leads elsewhere. */
function pageOf(path: string): string {
  return path.replace(/[^a-z0-9-]/gi, '');
}
