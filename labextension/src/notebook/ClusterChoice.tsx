import {
  type ISessionContextDialogs,
  ReactWidget,
  UseSignal
} from '@jupyterlab/apputils';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { KernelMessage } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import { caretDownEmptyIcon } from '@jupyterlab/ui-components';
import { CommandRegistry } from '@lumino/commands';
import { Menu } from '@lumino/widgets';

import { continuumIcon } from '../icon';
import { workersOf } from '../select';
import type { IContinuumModel } from '../tokens';
import type { ICluster } from '../wire';
import type { Attached } from './attached';
import { attachNotebook } from './attaching';

export interface IChoiceOptions {
  readonly panel: NotebookPanel;
  readonly model: IContinuumModel;
  readonly attached: Attached;
  readonly dialogs: ISessionContextDialogs | null;
  readonly openPanel: () => void;
  readonly trans: TranslationBundle;
}

/** In a notebook's toolbar: the cluster that its kernel works with, and the choice of another. */
export class ClusterChoice extends ReactWidget {
  constructor(private readonly options: IChoiceOptions) {
    super();
    this.addClass('jp-Continuum-notebookCluster');
    const { attached, panel } = options;
    const { sessionContext } = panel;
    attached.follow(sessionContext);
    attached.changed.connect(this.showIfPython, this);
    panel.disposed.connect(() => this.dispose());
    this.showIfPython();
  }

  dispose(): void {
    this.options.attached.changed.disconnect(this.showIfPython, this);
    super.dispose();
  }

  protected render(): JSX.Element {
    const { attached, model } = this.options;
    return (
      <UseSignal signal={attached.changed}>
        {() => (
          <UseSignal signal={model.stateChanged}>
            {() => this.button()}
          </UseSignal>
        )}
      </UseSignal>
    );
  }

  private button(): JSX.Element {
    const { attached, model, panel, trans } = this.options;
    const name = attached.to(panel.sessionContext.session?.kernel);
    const cluster = model.clusters.find(it => it.name === name);
    const isGone = name && model.phase === 'ready' && !cluster;
    const label = !name
      ? trans.__('No cluster')
      : isGone
        ? trans.__('%1 has ended', name)
        : name;
    const hint = trans.__('Cluster of this notebook: %1', label);
    return (
      <button
        type="button"
        aria-haspopup="menu"
        aria-label={hint}
        title={hint}
        data-attached={name && !isGone ? name : undefined}
        onClick={event => void this.open(event.currentTarget)}
      >
        <continuumIcon.react tag="span" elementSize="normal" />
        <span>{label}</span>
        <caretDownEmptyIcon.react tag="span" />
      </button>
    );
  }

  /** The clusters that run, below the button. */
  private async open(button: HTMLElement): Promise<void> {
    const { model } = this.options;
    if (model.phase !== 'ready') {
      await model.refresh();
    }
    const { bottom, left } = button.getBoundingClientRect();
    const menu = this.menu();
    menu.aboutToClose.connect(() => {
      button.focus();
      // The menu's command runs after it has closed.
      setTimeout(() => menu.dispose());
    });
    menu.open(left, bottom);
    menu.activeIndex = 0;
  }

  private menu(): Menu {
    const { attached, dialogs, model, openPanel, panel, trans } = this.options;
    const commands = new CommandRegistry();
    const menu = new Menu({ commands });
    const at = attached.to(panel.sessionContext.session?.kernel);
    const live = model.clusters.filter(it => it.state === 'running');
    for (const cluster of live) {
      commands.addCommand(`attach:${cluster.name}`, {
        label: describe(cluster, trans),
        isToggled: () => cluster.name === at,
        isToggleable: true,
        execute: () => attachNotebook({ panel, cluster, dialogs })
      });
      menu.addItem({ command: `attach:${cluster.name}` });
    }
    if (!live.length) {
      commands.addCommand('none', {
        label:
          model.phase === 'failed'
            ? trans.__('Clusters are not known: the panel says why')
            : trans.__('No cluster runs'),
        isEnabled: () => false,
        execute: () => undefined
      });
      menu.addItem({ command: 'none' });
    }
    commands.addCommand('panel', {
      label: trans.__('Launch and Watch Clusters'),
      icon: continuumIcon,
      execute: openPanel
    });
    menu.addItem({ type: 'separator' });
    menu.addItem({ command: 'panel' });
    return menu;
  }

  /** What attaches is Python. */
  private showIfPython(): void {
    const kernel = this.options.panel.sessionContext.session?.kernel;
    if (!kernel) {
      this.show();
      return;
    }
    const look = (info: KernelMessage.IInfoReply) => {
      if (!this.isDisposed) {
        this.setHidden(info.language_info.name !== 'python');
      }
    };
    kernel.info.then(look, () => undefined); // one that never answered shows nothing
  }
}

function describe(cluster: ICluster, trans: TranslationBundle): string {
  const { ready, wanted } = workersOf([cluster]);
  return trans.__('%1 (%2 of %3 workers)', cluster.name, ready, wanted);
}
