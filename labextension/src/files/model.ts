import type { IDisposable } from '@lumino/disposable';
import { type ISignal, Signal } from '@lumino/signaling';

import { messageOf } from '../model';
import type { IFilesApi, Phase } from '../tokens';
import type { Change, IFetch, IFiles } from '../wire';

/** A file at a site. */
export interface IRemote {
  readonly site: string;
  readonly path: string;
}

/** The folder that somebody looks at, and files on their way here; knows no DOM. */
export class FilesModel implements IDisposable {
  constructor(private readonly api: IFilesApi) {}

  /** The site that is looked at; '' for none. */
  get site(): string {
    return this._site;
  }

  get phase(): Phase {
    return this._phase;
  }

  /** Why `phase` is `failed`; '' otherwise. */
  get trouble(): string {
    return this._trouble;
  }

  /** The last folder that could be seen at this site. */
  get found(): IFiles | null {
    return this._found;
  }

  /** Those that are on their way. */
  get fetches(): readonly IFetch[] {
    return this._fetches;
  }

  get stateChanged(): ISignal<this, void> {
    return this._stateChanged;
  }

  /** A file has come, or will not. */
  get ended(): ISignal<this, IFetch> {
    return this._ended;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    this._isDisposed = true;
    Signal.clearData(this);
  }

  /** Look into a folder; '' for where a login would be. What was seen last stays on a refusal. */
  async open(site: string, path: string): Promise<void> {
    const turn = ++this._turn;
    if (site !== this._site) {
      this._site = site;
      this._found = null;
    }
    this._trouble = '';
    this._phase = site ? 'loading' : 'idle';
    this.emit();
    if (!site) {
      return;
    }
    try {
      const found = await this.api.files(site, path);
      if (turn === this._turn) {
        this._found = found;
        this._phase = 'ready';
      }
    } catch (error) {
      if (turn === this._turn) {
        this._phase = 'failed';
        this._trouble = messageOf(error);
      }
    }
    this.emit();
  }

  /** Begin to bring a file to `folder`; how it ends is told by `ended`. */
  async fetch(file: IRemote, folder: string, force: boolean): Promise<void> {
    const begun = await this.api.fetch(file.site, file.path, folder, force);
    if (!this._told.has(begun.id)) {
      this.take(begun);
    }
  }

  async stop(id: string): Promise<void> {
    await this.api.stopFetching(id);
  }

  /** Ask what is on its way. */
  async look(): Promise<readonly IFetch[]> {
    const all = await this.api.fetches();
    // What has ended since it was asked is not taken up again.
    this._fetches = all.filter(
      it => it.state === 'running' && !this._told.has(it.id)
    );
    this.emit();
    return all;
  }

  /** Take in what the event socket brought: how far it is, and never a path. */
  apply(change: Change): void {
    if (change.kind === 'broker') {
      // What it fetched has ended with it; its parts are kept.
      this._fetches = change.state === 'lost' ? [] : this._fetches;
      this.emit();
    } else if (change.kind === 'fetch') {
      const known = this._fetches.find(it => it.id === change.id);
      if (known === undefined || change.state !== 'running') {
        void this.learn(change.id, change.state !== 'running');
      } else {
        this.take({ ...known, done: change.done, total: change.total });
      }
    }
  }

  private async learn(id: string, hasEnded: boolean): Promise<void> {
    if (this._told.has(id) || (!hasEnded && this._learning.has(id))) {
      return;
    }
    this._learning.add(id);
    if (hasEnded) {
      this._told.add(id);
    }
    try {
      const it = (await this.look()).find(each => each.id === id);
      if (hasEnded && it !== undefined) {
        this._ended.emit(it);
      }
    } catch {
      // The panel says why the server cannot be asked; without an answer nothing is known to be
      // on its way.
      this._fetches = this._fetches.filter(each => each.id !== id);
      this.emit();
    } finally {
      this._learning.delete(id);
    }
  }

  private take(fetch: IFetch): void {
    const others = this._fetches.filter(it => it.id !== fetch.id);
    this._fetches =
      others.length === this._fetches.length
        ? [...others, fetch]
        : this._fetches.map(it => (it.id === fetch.id ? fetch : it));
    this.emit();
  }

  private emit(): void {
    if (!this._isDisposed) {
      this._stateChanged.emit();
    }
  }

  private _site = '';
  private _phase: Phase = 'idle';
  private _trouble = '';
  private _found: IFiles | null = null;
  private _fetches: readonly IFetch[] = [];
  private _turn = 0;
  private _told = new Set<string>();
  private _learning = new Set<string>();
  private _stateChanged = new Signal<this, void>(this);
  private _ended = new Signal<this, IFetch>(this);
  private _isDisposed = false;
}
