import type { TranslationBundle } from '@jupyterlab/translation';
import type { IDisposable } from '@lumino/disposable';
import { type ISignal, Signal } from '@lumino/signaling';

import type { IContinuumApi, IContinuumModel, IPick, Phase } from './tokens';
import type {
  Change,
  IAssociation,
  IClaim,
  ICluster,
  IDataset,
  IDraft,
  IDryRun,
  IPlan,
  IProfile,
  IPrompt,
  ISite
} from './wire';

const MAX_JOBS = 10_000;

/** State of sites, clusters and prompts; knows no DOM. */
export class ContinuumModel implements IContinuumModel, IDisposable {
  constructor(
    private readonly api: IContinuumApi,
    private readonly trans: TranslationBundle
  ) {}

  get phase(): Phase {
    return this._phase;
  }

  get trouble(): string {
    return this._trouble;
  }

  get heard(): Date | null {
    return this._heard;
  }

  get sites(): readonly ISite[] {
    return this._sites;
  }

  get clusters(): readonly ICluster[] {
    return this._clusters;
  }

  get prompts(): readonly IPrompt[] {
    return this._prompts;
  }

  get showRetired(): boolean {
    return this._showRetired;
  }

  get revealed(): string {
    return this._revealed;
  }

  get picks(): readonly IPick[] {
    return this._picks;
  }

  get draftName(): string {
    return this._draftName;
  }

  get busy(): ReadonlyMap<string, string> {
    return this._busy;
  }

  get stateChanged(): ISignal<this, void> {
    return this._stateChanged;
  }

  get failed(): ISignal<this, string> {
    return this._failed;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    this._isDisposed = true;
    Signal.clearData(this);
  }

  async refresh(): Promise<void> {
    if (this._phase !== 'ready') {
      this._phase = 'loading';
      this.emit();
    }
    const meanwhile: Change[] = [];
    this._looks.add(meanwhile);
    try {
      const [sites, clusters, prompts] = await Promise.all([
        this.api.sites(this._showRetired),
        this.api.clusters(),
        this.api.prompts()
      ]);
      this._sites = sites;
      this._clusters = clusters;
      this._prompts = prompts;
      this._phase = 'ready';
      this._trouble = '';
      this._heard = new Date();
      // One of the answers may be older. What came of all that is told once.
      this._isQuiet = true;
      meanwhile.forEach(change => this.take(change));
    } catch (error) {
      this._phase = 'failed';
      this._trouble = messageOf(error);
    }
    this._isQuiet = false;
    this._looks.delete(meanwhile);
    this.emit();
  }

  reveal(site: string): void {
    this._revealed = site;
    this.emit();
  }

  setShowRetired(show: boolean): void {
    this._showRetired = show;
    void this.refresh();
  }

  toggle(offer: string): void {
    this._picks = this._picks.some(pick => pick.offer === offer)
      ? this._picks.filter(pick => pick.offer !== offer)
      : [...this._picks, { offer, jobs: 1, nodes: 1, walltimeMinutes: null }];
    this.emit();
  }

  change(offer: string, to: Partial<Omit<IPick, 'offer'>>): void {
    this._picks = this._picks.map(pick =>
      pick.offer === offer ? bounded({ ...pick, ...to }) : pick
    );
    this.emit();
  }

  setDraftName(name: string): void {
    this._draftName = name;
    this.emit();
  }

  plan(): IPlan {
    const groups = this._picks.map(pick => ({
      offer: pick.offer,
      jobs: pick.jobs,
      nodes: pick.nodes,
      ...(pick.walltimeMinutes === null
        ? {}
        : { walltime_minutes: pick.walltimeMinutes })
    }));
    const name = this._draftName.trim();
    return name ? { name, groups } : { groups };
  }

  async dryRun(accept: readonly string[] = []): Promise<IDryRun> {
    return this.during(
      'launch',
      this.trans.__('Working out the scripts…'),
      () => this.api.dryRun(this.plan(), accept)
    );
  }

  async launch(accept: readonly string[] = []): Promise<void> {
    const cluster = await this.during(
      'launch',
      this.trans.__('Starting the scheduler; jobs follow…'),
      () => this.api.launch(this.plan(), accept)
    );
    this._picks = [];
    this._draftName = '';
    this.takeCluster(cluster);
  }

  async scale(name: string, group: string, jobs: number): Promise<void> {
    const wanted = Math.min(Math.max(0, Math.round(jobs)), MAX_JOBS);
    this.updateCluster(
      await this.during(
        `cluster:${name}`,
        this.trans.__('Changing %1 to %2 jobs…', group, wanted),
        () => this.api.scale(name, group, wanted)
      )
    );
  }

  async stop(name: string): Promise<void> {
    this.updateCluster(
      await this.during(
        `cluster:${name}`,
        this.trans.__('Stopping: ending jobs at every site…'),
        () => this.api.stop(name)
      )
    );
  }

  async endAccess(name: string): Promise<void> {
    this.takeCluster(
      await this.during(
        `cluster:${name}`,
        this.trans.__('Ending all access…'),
        () => this.api.endAccess(name)
      )
    );
  }

  async openAccess(name: string): Promise<void> {
    this.takeCluster(await this.api.openAccess(name));
  }

  async logs(
    name: string,
    group = ''
  ): Promise<Readonly<Record<string, string>>> {
    return this.during(
      `cluster:${name}`,
      this.trans.__('Fetching logs from the sites…'),
      () => this.api.logs(name, group)
    );
  }

  async plots(name: string): Promise<Readonly<Record<string, string>>> {
    return this.api.plots(name);
  }

  async claims(offer: string): Promise<readonly IClaim[]> {
    return this.api.claims(offer);
  }

  async datasets(): Promise<readonly IDataset[]> {
    return this.api.datasets();
  }

  async draft(site: string): Promise<IDraft> {
    return this.api.draft(site);
  }

  async associations(site: string): Promise<readonly IAssociation[]> {
    return this.during(
      `site:${site}`,
      this.trans.__('Asking what you may charge…'),
      () => this.api.associations(site)
    );
  }

  async connectSite(profile: IProfile): Promise<string> {
    return this.during(
      `site:${profile.site}`,
      this.trans.__('Logging in…'),
      async () => {
        this.takeSite(await this.api.connect(profile));
        return this.settled(profile.site);
      }
    );
  }

  /** How a login ends that the server has stopped waiting for. */
  private async settled(id: string): Promise<string> {
    const state = () => this._sites.find(site => site.id === id)?.state ?? '';
    if (state() === 'connecting') {
      await new Promise<void>(resolve => {
        const look = () => {
          if (state() !== 'connecting') {
            this._stateChanged.disconnect(look);
            resolve();
          }
        };
        this._stateChanged.connect(look);
      });
    }
    return state();
  }

  async disconnectSite(site: string): Promise<void> {
    this.takeSite(
      await this.during(
        `site:${site}`,
        this.trans.__('Closing the session…'),
        () => this.api.disconnect(site)
      )
    );
  }

  async refreshSite(site: string): Promise<void> {
    this.takeSite(
      await this.during(
        `site:${site}`,
        this.trans.__('Looking at the site…'),
        () => this.api.refresh(site)
      )
    );
  }

  async renewSite(site: string): Promise<void> {
    this.takeSite(
      await this.during(
        `site:${site}`,
        this.trans.__('Renewing the certificate…'),
        () => this.api.renew(site)
      )
    );
  }

  async probeSite(site: string, offer: string): Promise<void> {
    await this.during(
      `probe:${site}`,
      this.trans.__('Submitting a job…'),
      // What it found comes with the site's next event.
      () => this.api.probe(site, offer)
    );
  }

  async cancelProbe(site: string): Promise<void> {
    await this.api.cancelProbe(site);
  }

  async answer(id: string, value: string | null): Promise<void> {
    this.dropPrompt(id);
    await this.api.answer(id, value);
  }

  apply(change: Change): void {
    // What the broker's end means for a look, the look itself finds out.
    if (change.kind !== 'failure' && change.kind !== 'broker') {
      this._looks.forEach(look => look.push(change));
    }
    this.take(change);
  }

  private take(change: Change): void {
    switch (change.kind) {
      case 'site':
        this.takeSite(change.site);
        break;
      case 'cluster':
        this.takeCluster(change.cluster);
        break;
      case 'cluster-gone':
        this._clusters = this._clusters.filter(it => it.name !== change.name);
        this.emit();
        break;
      case 'prompt':
        void this.refreshPrompts();
        break;
      case 'prompt-gone':
        this.dropPrompt(change.id);
        break;
      case 'broker':
        this.takeBroker(change.state, change.message ?? '');
        break;
      case 'failure':
        this._failed.emit(change.message);
        break;
      case 'fetch': // FilesModel takes it
        break;
    }
  }

  private takeSite(site: ISite | null): void {
    if (site === null || (site.state === 'retired' && !this._showRetired)) {
      return;
    }
    this._sites = replaced(this._sites, site, it => it.id === site.id);
    this.emit();
  }

  private takeCluster(cluster: ICluster | null): void {
    if (cluster !== null) {
      this._clusters = replaced(
        this._clusters,
        cluster,
        it => it.name === cluster.name
      );
    }
    this.emit();
  }

  /** An answer may come after the event that the cluster is gone. */
  private updateCluster(cluster: ICluster | null): void {
    if (this._clusters.some(it => it.name === cluster?.name)) {
      this.takeCluster(cluster);
    }
  }

  private takeBroker(state: 'ready' | 'lost', message: string): void {
    if (state === 'lost') {
      this._phase = 'failed';
      this._trouble = message;
      this.emit();
    } else if (this._phase === 'failed') {
      void this.refresh();
    }
  }

  private async refreshPrompts(): Promise<void> {
    try {
      this._prompts = await this.api.prompts();
      this.emit();
    } catch (error) {
      this._failed.emit(messageOf(error));
    }
  }

  private dropPrompt(id: string): void {
    this._prompts = this._prompts.filter(prompt => prompt.id !== id);
    this.emit();
  }

  /** Run `work` while the panel shows what is waited for. */
  private async during<T>(
    subject: string,
    sentence: string,
    work: () => Promise<T>
  ): Promise<T> {
    this._busy = new Map(this._busy).set(subject, sentence);
    this.emit();
    try {
      return await work();
    } finally {
      const rest = new Map(this._busy);
      rest.delete(subject);
      this._busy = rest;
      this.emit();
    }
  }

  private emit(): void {
    if (!this._isDisposed && !this._isQuiet) {
      this._stateChanged.emit();
    }
  }

  private _phase: Phase = 'idle';
  private _trouble = '';
  private _heard: Date | null = null;
  private _sites: readonly ISite[] = [];
  private _clusters: readonly ICluster[] = [];
  private _prompts: readonly IPrompt[] = [];
  private _showRetired = false;
  private _revealed = '';
  private _picks: readonly IPick[] = [];
  private _draftName = '';
  /** For each look at all there is that goes on: what has changed since it began. */
  private _looks = new Set<Change[]>();
  private _isQuiet = false;
  private _busy: ReadonlyMap<string, string> = new Map();
  private _stateChanged = new Signal<this, void>(this);
  private _failed = new Signal<this, string>(this);
  private _isDisposed = false;
}

function replaced<T>(
  items: readonly T[],
  item: T,
  isSame: (other: T) => boolean
): readonly T[] {
  return items.some(isSame)
    ? items.map(other => (isSame(other) ? item : other))
    : [...items, item];
}

function bounded(pick: IPick): IPick {
  const within = (value: number) =>
    Math.min(Math.max(1, Math.round(value) || 1), MAX_JOBS);
  return { ...pick, jobs: within(pick.jobs), nodes: within(pick.nodes) };
}

/** The sentence of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
