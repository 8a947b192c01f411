import type { IDisposable } from '@lumino/disposable';
import { type ISignal, Signal } from '@lumino/signaling';

import { messageOf } from '../model';
import type { ISweepApi } from '../tokens';
import type { ISweepRow, ISweepView } from '../wire';

/** One sweep as its folder shows it; knows no DOM. */
export class SweepModel implements IDisposable {
  constructor(
    private readonly api: ISweepApi,
    /** Of the folder, as the file browser has it. */
    readonly path: string
  ) {}

  /** The newest answer, or null before the first. */
  get view(): ISweepView | null {
    return this._view;
  }

  /** All runs, by their number; one that is under way says so. */
  get rows(): readonly ISweepRow[] {
    return this._rows;
  }

  /** Why the last look failed; '' otherwise. */
  get trouble(): string {
    return this._trouble;
  }

  get stateChanged(): ISignal<this, void> {
    return this._stateChanged;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    this._isDisposed = true;
    Signal.clearData(this);
  }

  /** The notebook of a run, as the file browser has it. */
  notebookOf(row: ISweepRow): string {
    const digits = this._view?.digits ?? 0;
    return `${this.path}/notebooks/${String(row.run).padStart(digits, '0')}.ipynb`;
  }

  /** Look again. Raises what went wrong, after it was told. */
  async refresh(): Promise<void> {
    try {
      await this._look();
      this._trouble = '';
    } catch (error) {
      this._trouble = messageOf(error);
      throw error;
    } finally {
      if (!this._isDisposed) {
        this._stateChanged.emit();
      }
    }
  }

  private async _look(): Promise<void> {
    let answer = await this.api.sweep(this.path, this._since);
    if (this._since && !this._take(answer)) {
      // A record was removed, or another sweep is in its place.
      this._since = '';
      answer = await this.api.sweep(this.path, '');
    }
    if (!this._since) {
      this._records = [...answer.rows];
    }
    this._view = answer;
    this._since = answer.since;
    const running = new Set(answer.running);
    this._rows = this._records.map(row =>
      running.has(row.run) ? { ...row, status: 'running' } : row
    );
  }

  /** Take in what is new. False when it does not go with what is known. */
  private _take(answer: ISweepView): boolean {
    const before = this._view;
    if (
      before === null ||
      before.total !== answer.total ||
      before.notebook !== answer.notebook ||
      before.parameters.join('\n') !== answer.parameters.join('\n')
    ) {
      return false;
    }
    for (const row of answer.rows) {
      this._records[row.run - 1] = row;
    }
    const ended = this._records.filter(row => row.status !== 'waiting').length;
    return ended === answer.ended;
  }

  private _view: ISweepView | null = null;
  private _records: ISweepRow[] = [];
  private _rows: readonly ISweepRow[] = [];
  private _since = '';
  private _trouble = '';
  private _isDisposed = false;
  private readonly _stateChanged = new Signal<this, void>(this);
}
