import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { ICommandPalette } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import type { Actions } from './actions';
import { continuumIcon } from './icon';
import type { ContinuumPanel } from './panel';
import type { IContinuumModel } from './tokens';
import type { ICluster } from './wire';

export namespace CommandIDs {
  export const openPanel = 'jupyter-continuum:open-panel';
  export const browse = 'jupyter-continuum:browse';
  export const refresh = 'jupyter-continuum:refresh';
  export const addOffer = 'jupyter-continuum:add-offer';
  export const launch = 'jupyter-continuum:launch';
  export const insertCell = 'jupyter-continuum:insert-attaching-cell';
  export const openPlot = 'jupyter-continuum:open-plot';
  export const stopCluster = 'jupyter-continuum:stop-cluster';
  export const endAccess = 'jupyter-continuum:end-access';
}

export interface ICommandOptions {
  readonly app: JupyterFrontEnd;
  readonly model: IContinuumModel;
  readonly actions: Actions;
  readonly palette: ICommandPalette | null;
  readonly panel: ContinuumPanel;
  readonly trans: TranslationBundle;
}

const NO_ARGUMENTS = { type: 'object', properties: {} };

/** Everything the panel does can be done by a command. */
export function addCommands(options: ICommandOptions): void {
  const { app, model, actions, palette, panel, trans } = options;
  const { commands, shell } = app;
  const aCluster = {
    type: 'object',
    properties: {
      name: {
        type: 'string',
        description: trans.__('The cluster; may be left out when only one runs')
      }
    }
  };

  commands.addCommand(CommandIDs.openPanel, {
    label: trans.__('Continuum: Sites and Clusters'),
    caption: trans.__('Open the panel with sites, launch and clusters'),
    icon: continuumIcon,
    describedBy: { args: NO_ARGUMENTS },
    execute: () => shell.activateById(panel.id)
  });
  commands.addCommand(CommandIDs.refresh, {
    label: trans.__('Refresh Sites and Clusters'),
    describedBy: { args: NO_ARGUMENTS },
    execute: () => model.refresh()
  });
  commands.addCommand(CommandIDs.addOffer, {
    label: trans.__('Add an Offer to the Launch, or Take It out'),
    describedBy: {
      args: {
        type: 'object',
        properties: {
          offer: { type: 'string', description: trans.__('SITE/OFFER') }
        },
        required: ['offer']
      }
    },
    execute: args => {
      if (typeof args.offer === 'string') {
        model.toggle(args.offer);
      }
    }
  });
  commands.addCommand(CommandIDs.launch, {
    label: trans.__('Launch the Chosen Offers as One Cluster'),
    isEnabled: () => model.picks.length > 0,
    describedBy: { args: NO_ARGUMENTS },
    execute: () => actions.launch()
  });
  commands.addCommand(CommandIDs.insertCell, {
    label: trans.__('Insert the Cell That Attaches to the Cluster'),
    isEnabled: args => clusterOf(model, args) !== null,
    describedBy: { args: aCluster },
    execute: args => {
      const cluster = clusterOf(model, args);
      if (cluster !== null) {
        actions.insertCell(cluster);
      }
    }
  });
  commands.addCommand(CommandIDs.stopCluster, {
    label: trans.__('Stop the Cluster'),
    isEnabled: args => clusterOf(model, args) !== null,
    describedBy: { args: aCluster },
    execute: args => {
      const cluster = clusterOf(model, args);
      if (cluster !== null) {
        actions.stop(cluster);
      }
    }
  });
  commands.addCommand(CommandIDs.endAccess, {
    label: trans.__('End All Access to the Cluster'),
    isEnabled: args => clusterOf(model, args) !== null,
    describedBy: { args: aCluster },
    execute: args => {
      const cluster = clusterOf(model, args);
      if (cluster !== null) {
        actions.endAccess(cluster);
      }
    }
  });

  model.stateChanged.connect(() => commands.notifyCommandChanged());
  const category = trans.__('Continuum');
  for (const command of [
    CommandIDs.openPanel,
    CommandIDs.refresh,
    CommandIDs.launch,
    CommandIDs.insertCell,
    CommandIDs.stopCluster,
    CommandIDs.endAccess
  ]) {
    palette?.addItem({ command, category });
  }
}

/** The cluster that the arguments name, or the only one there is. */
function clusterOf(
  model: IContinuumModel,
  args: ReadonlyPartialJSONObject
): ICluster | null {
  const { clusters } = model;
  if (typeof args.name === 'string') {
    return clusters.find(cluster => cluster.name === args.name) ?? null;
  }
  return clusters.length === 1 ? clusters[0] : null;
}
