/** Clusters that run: groups, workers, links, and who can run code in them. */

import type { IAmount } from './sites';

export type WorkerState =
  | 'queued'
  | 'starting'
  | 'joining'
  | 'ready'
  | 'unreachable'
  | 'draining'
  | 'lost'
  | 'ended'
  | 'failed';

/** A GPU of a worker, or its share of a processor. */
export interface IDevice {
  /** "" for a processor. */
  readonly device: string;
  readonly model: string;
  readonly busy_percent: number | null;
  readonly memory_bytes: number | null;
  readonly memory_total_bytes: number | null;
  readonly power_watts: number | null;
}

export interface IWorker {
  readonly name: string;
  readonly state: WorkerState;
  readonly reason: string;
  readonly job: string;
  readonly job_id: string;
  readonly node: string;
  readonly device: string;
  readonly threads: number | null;
  readonly memory_bytes: number | null;
  readonly memory_limit_bytes: number | null;
  readonly tasks_running: number | null;
  readonly tasks_done: number | null;
  readonly devices: readonly IDevice[];
}

/** The workers of one cluster that come from one offer. */
export interface IGroup {
  readonly name: string;
  readonly site: string;
  readonly offer: string;
  readonly jobs_wanted: number;
  readonly workers_wanted: number;
  readonly workers_ready: number;
  readonly state: string;
  readonly reason: string;
  /** What the site's word for why it waits means. */
  readonly meaning: string;
  /** When the first of its running jobs ends by its walltime. */
  readonly ends: string | null;
  readonly workers: readonly IWorker[];
}

export interface ILink {
  readonly source: string;
  readonly target: string;
  readonly bytes: number;
}

/** A client that is connected now. */
export interface IClient {
  /** The name in its certificate. */
  readonly leaf: string;
  /** As it says itself. */
  readonly who: string;
  readonly since: string;
  readonly until: string;
}

/** A site where clients can run code, and the certificates of its workers. */
export interface IPlace {
  readonly site: string;
  /** Whose rights code has there; '' when the site is not connected. */
  readonly runs_as: string;
  readonly account: string;
  readonly workers: number;
  readonly until: string | null;
}

/** Who can run code where. */
export interface IAccess {
  /** Whether further clients are let in. */
  readonly open: boolean;
  readonly clients: readonly IClient[];
  /** Valid certificates whose client is not connected. */
  readonly away: number;
  readonly away_until: string | null;
  readonly places: readonly IPlace[];
}

/** A data set that must stay, and that a cluster has opened. */
export interface IResidency {
  readonly dataset: string;
  readonly said: string;
}

export interface ICluster {
  readonly name: string;
  readonly state: string;
  readonly reason: string;
  readonly started: string;
  readonly groups: readonly IGroup[];
  readonly links: readonly ILink[];
  readonly tasks_running: number;
  readonly tasks_done: number;
  readonly tasks_waiting: number;
  readonly eur: IAmount;
  readonly eur_per_hour: IAmount;
  readonly carbon_kg: IAmount;
  readonly carbon_kg_per_hour: IAmount;
  /** How long its jobs live on without hearing from it. */
  readonly lease_seconds: number;
  /** Whether a run holds it. */
  readonly held: boolean;
  readonly access: IAccess;
  /** What it has opened that must stay. */
  readonly residency: readonly IResidency[];
  readonly dashboard: boolean;
  readonly attach: string;
}
