/** Sweeps: runs of a notebook with many parameters. */

/** A number, or text for whatever else a parameter or an output is. */
export type Shown = number | string | null;

/** One run of a sweep. */
export interface ISweepRow {
  readonly run: number;
  readonly status: string;
  /** In the order of the sweep's. */
  readonly parameters: readonly Shown[];
  readonly outputs: Readonly<Record<string, Shown>>;
  readonly error: string;
  readonly site: string;
  readonly started: string;
  readonly seconds: number | null;
  readonly energy_kwh: number | null;
  readonly attempts: number;
}

/** A sweep, or what became of it since somebody looked last. */
export interface ISweepView {
  readonly notebook: string;
  readonly parameters: readonly string[];
  readonly fixed: Readonly<Record<string, Shown>>;
  readonly total: number;
  readonly ended: number;
  readonly digits: number;
  readonly going: boolean;
  readonly running: readonly number[];
  readonly left: string;
  readonly rows: readonly ISweepRow[];
  readonly since: string;
}
