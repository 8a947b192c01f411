import { Notification } from '@jupyterlab/apputils';
import { PageConfig, URLExt } from '@jupyterlab/coreutils';
import type { INotebookTracker } from '@jupyterlab/notebook';
import type { Contents } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import { PromiseDelegate } from '@lumino/coreutils';

import type { IActions } from './components/context';
import * as connecting from './connecting';
import * as dialogs from './dialogs';
import { fetchTo } from './files/fetching';
import type { FilesModel, IRemote } from './files/model';
import { folderHere } from './files/view';
import { messageOf } from './model';
import { insertCode } from './notebook/attaching';
import { attachingCode, openingCode } from './notebook/code';
import { dragCell } from './notebook/dragging';
import { groupName, siteName } from './select';
import { saveAs, tellSaved } from './saving';
import type { IContinuumModel } from './tokens';
import type {
  ICluster,
  IDataset,
  IDraft,
  IFetch,
  IGroup,
  IPrompt,
  ISite,
  IWorker
} from './wire';

const CLOSE_AFTER_MS = 4000;

/** What the application does for us. */
export interface IShell {
  readonly contents: Contents.IManager;
  openBrowse(): void;
  openPanel(): void;
  openTerminal(): void;
  openFile(path: string): void;
  openPlot(plot: { cluster: string; path: string; plot: string }): void;
  /** Where the file browser is. */
  folder(): string;
}

/** What clicks and commands do beyond changing the model: dialogs, notebooks, tabs. */
export class Actions implements IActions {
  constructor(
    private readonly model: IContinuumModel,
    private readonly files: FilesModel,
    private readonly notebooks: INotebookTracker | null,
    private readonly trans: TranslationBundle,
    private readonly shell: IShell
  ) {}

  reveal(site: string): void {
    this.shell.openPanel();
    this.model.reveal(site);
  }

  openTerminal(): void {
    this.shell.openTerminal();
  }

  refresh(site: ISite): void {
    void this.reporting(() => this.model.refreshSite(site.id));
  }

  renew(site: ISite): void {
    void this.reporting(() => this.model.renewSite(site.id));
  }

  browse(): void {
    this.shell.openBrowse();
  }

  connect(site: ISite): void {
    void this.reporting(async () => {
      const draft = await this.model.draft(site.id);
      await this.connectFrom(draft, site);
    });
  }

  connectOwn(): void {
    void this.reporting(async () => {
      const draft = await this.model.draft('');
      const chosen = await connecting.askOwnSite(draft, this.trans);
      if (chosen !== null) {
        const { site, profile } = chosen;
        await this.connectFrom({ ...draft, site, profile }, null);
      }
    });
  }

  disconnect(site: ISite): void {
    void this.reporting(() => this.model.disconnectSite(site.id));
  }

  dryRun(): void {
    void this.reporting(async () => {
      let accept: readonly string[] = [];
      for (;;) {
        const dryRun = await this.model.dryRun(accept);
        const decision = await dialogs.decideOn(
          dryRun,
          accept,
          this.model.sites,
          this.trans
        );
        if (decision === null) {
          return;
        }
        accept = decision.accept;
        if (decision.wants === 'launch') {
          await this.model.launch(accept);
          return;
        }
        if (decision.wants === 'save') {
          await this.savePlan(`${dryRun.cluster}.yaml`, dryRun.plan);
        }
      }
    });
  }

  launch(): void {
    void this.reporting(() => this.model.launch());
  }

  insertCell(cluster: ICluster): void {
    void this.reporting(() => this.insert(attachingCode(cluster)));
  }

  insertOpening(dataset: IDataset): void {
    void this.reporting(() => this.insert(openingCode(dataset)));
  }

  fetchFile(file: IRemote): void {
    const folder = folderHere(this.shell.folder());
    void this.reporting(() => fetchTo(folder, file, this.files, this.trans));
  }

  stopFetch(fetch: IFetch): void {
    void this.reporting(() => this.files.stop(fetch.id));
  }

  lookForFetches(): void {
    void this.reporting(async () => {
      await this.files.look();
    });
  }

  dragCell(cluster: ICluster, pressed: PointerEvent): void {
    dragCell(pressed, attachingCode(cluster));
  }

  openDashboard(cluster: ICluster): void {
    this.openPage(cluster, 'status');
  }

  openWorker(cluster: ICluster, worker: IWorker): void {
    this.openPage(cluster, `worker/${encodeURIComponent(worker.name)}/main`);
  }

  openPlots(cluster: ICluster): void {
    void this.reporting(async () => {
      const plots = await this.model.plots(cluster.name);
      for (const plot of await dialogs.choosePlots(plots, this.trans)) {
        const path = plots[plot];
        this.shell.openPlot({ cluster: cluster.name, path, plot });
      }
    });
  }

  drain(cluster: ICluster, group: IGroup): void {
    void this.reporting(async () => {
      if (
        await dialogs.confirmDrain(
          cluster,
          groupName(this.model.sites, group),
          this.trans
        )
      ) {
        await this.model.scale(cluster.name, group.name, 0);
      }
    });
  }

  showLogs(cluster: ICluster, group: string): void {
    void this.reporting(async () => {
      const logs = await this.model.logs(cluster.name, group);
      const title = group
        ? this.trans.__('Logs of %1 in %2', group, cluster.name)
        : this.trans.__('Logs of %1', cluster.name);
      await dialogs.showLogs(title, logs, this.trans);
    });
  }

  stop(cluster: ICluster): void {
    void this.reporting(async () => {
      if (await dialogs.confirmStop(cluster, this.trans)) {
        await this.model.stop(cluster.name);
      }
    });
  }

  endAccess(cluster: ICluster): void {
    void this.reporting(async () => {
      const wanted = await dialogs.confirmEndOfAccess(cluster, this.trans);
      if (wanted === 'end') {
        await this.model.endAccess(cluster.name);
      } else if (wanted === 'stop') {
        await this.model.stop(cluster.name);
      }
    });
  }

  openAccess(cluster: ICluster): void {
    void this.reporting(() => this.model.openAccess(cluster.name));
  }

  scale(cluster: ICluster, group: string, jobs: number): void {
    void this.reporting(() => this.model.scale(cluster.name, group, jobs));
  }

  probe(site: ISite): void {
    void this.reporting(() =>
      this.model.probeSite(site.id, site.reach?.offer ?? '')
    );
  }

  cancelProbe(site: ISite): void {
    void this.reporting(() => this.model.cancelProbe(site.id));
  }

  answer(prompt: IPrompt): void {
    void this.reporting(async () => {
      const gone = new PromiseDelegate<void>();
      const look = () => {
        if (!this.model.prompts.some(it => it.id === prompt.id)) {
          gone.resolve();
        }
      };
      this.model.stateChanged.connect(look);
      const answer = await dialogs
        .askPrompt(
          prompt,
          siteName(this.model.sites, prompt.site),
          gone.promise,
          this.trans
        )
        .finally(() => this.model.stateChanged.disconnect(look));
      if (answer !== null) {
        await this.model.answer(prompt.id, answer.value);
      }
    });
  }

  private openPage(cluster: ICluster, page: string): void {
    const path = `jupyter-continuum/clusters/${cluster.name}/dashboard`;
    const url = URLExt.join(PageConfig.getBaseUrl(), path, page);
    window.open(url, '_blank', 'noopener');
  }

  private async insert(code: string): Promise<void> {
    const panel = this.notebooks?.currentWidget ?? null;
    if (panel === null) {
      Notification.warning(
        this.trans.__(
          'Open a notebook first; the cell goes below its active one.'
        ),
        { autoClose: CLOSE_AFTER_MS }
      );
      return;
    }
    await insertCode(panel, code);
  }

  private async connectFrom(draft: IDraft, site: ISite | null): Promise<void> {
    const { model, trans } = this;
    const profile = await connecting.askProfile({ draft, site, trans });
    if (profile === null || (await model.connectSite(profile)) !== 'ready') {
      return;
    }
    if (profile.kind !== 'slurm' || profile.account) {
      return;
    }
    const found = await model.associations(profile.site);
    const charged =
      new Set(found.map(it => it.account)).size > 1
        ? await connecting.askAccount(
            siteName(model.sites, profile.site),
            found,
            trans
          )
        : (found[0] ?? null);
    if (charged?.account) {
      // With the host key that was pinned meanwhile.
      const saved = await model.draft(profile.site);
      const { account } = charged;
      const qos = typeof charged.qos === 'string' ? charged.qos : '';
      await model.connectSite({
        ...profile,
        ...saved.profile,
        account,
        ...(qos && { qos })
      });
    }
  }

  private async savePlan(name: string, text: string): Promise<void> {
    const { shell, trans } = this;
    const { contents } = shell;
    const folder = shell.folder();
    const path = await saveAs({ contents, folder, name, text, trans });
    if (path !== null) {
      tellSaved(path, () => shell.openFile(path), trans);
    }
  }

  private async reporting(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const callback = () => this.shell.openPanel();
      Notification.error(messageOf(error), {
        autoClose: false,
        actions: [{ label: this.trans.__('Open Continuum'), callback }]
      });
    }
  }
}
