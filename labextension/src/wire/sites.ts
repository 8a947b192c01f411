/** Sites and their offers, and what is known of each. */

export type SiteState =
  | 'catalogued'
  | 'connecting'
  | 'sign-in'
  | 'ready'
  | 'unreachable'
  | 'retired'
  | 'planned';

/** A number and how it is known: `measured`, `estimated`, `stated`, `unknown`. */
export interface IAmount {
  readonly value: number | null;
  readonly kind: string;
  readonly source: string;
  readonly reason: string;
  readonly date: string;
}

/** How long jobs wait before they begin, in seconds; `record` is how good that was. */
export interface IWait {
  readonly median: number | null;
  readonly likely: number | null;
  readonly kind: string;
  readonly source: string;
  readonly reason: string;
  readonly date: string;
  readonly record: string;
}

/** Where an offer stands among all, and why. */
export interface IRank {
  readonly offer: string;
  readonly place: number | null;
  readonly line: string;
}

/** Something that can be allocated at a site: what a plan names. */
export interface IOffer {
  readonly id: string;
  readonly site: string;
  readonly name: string;
  readonly country: string | null;
  readonly gpu_vendor: string | null;
  readonly gpu_model: string | null;
  readonly gpus_per_node: number | null;
  readonly gpu_memory_gb: number | null;
  readonly cpus_per_node: number | null;
  readonly memory_gb_per_node: number | null;
  readonly cpu_architecture: string | null;
  readonly max_walltime_minutes: number | null;
  readonly max_nodes: number | null;
  readonly nodes_total: number | null;
  readonly nodes_free: number | null;
  readonly cpus_free: number | null;
  readonly gpus_total: number | null;
  readonly gpus_free: number | null;
  readonly jobs_pending: number | null;
  /** What the amounts are of an hour of: `GPU`, `GCD` or `node`. */
  readonly per: string;
  readonly wait: IWait;
  readonly price_eur: IAmount;
  /** What the site counts an allocation in; '' when unknown. */
  readonly unit: string;
  readonly units: IAmount;
  readonly left: IAmount;
  readonly whole_node: boolean | null;
  readonly energy_kwh: IAmount;
  readonly carbon_g: IAmount;
  readonly launchable: boolean;
  readonly reason: string;
  readonly observed: string | null;
  /** Names of fields above whose value nobody vouches for. */
  readonly unverified: readonly string[];
}

/** What somebody says of one field of an offer, or of its site. */
export interface IClaim {
  readonly field: string;
  readonly value: string;
  readonly kind: string;
  readonly source: string;
  readonly url: string;
  readonly observed: string;
  readonly expires: string;
  readonly note: string;
  /** Whether it may be relied on today. */
  readonly verified: boolean;
}

/** A certificate or a token that lets the person in, by name. */
export interface ICredential {
  readonly name: string;
  readonly expires: string | null;
  /** `valid`, `soon`, `expired`, `early` (not valid yet) or `unknown`. */
  readonly verdict: string;
  readonly said: string;
}

export interface ISite {
  readonly id: string;
  readonly name: string;
  readonly kind: string;
  readonly operator: string | null;
  readonly country: string | null;
  readonly state: SiteState;
  readonly reason: string;
  readonly since: string | null;
  readonly account: string;
  readonly docs: string | null;
  readonly latitude: number | null;
  readonly longitude: number | null;
  readonly jurisdiction: string | null;
  /** Names of fields above whose value nobody vouches for. */
  readonly unverified: readonly string[];
  readonly offers: readonly IOffer[];
  /** The most urgent first. */
  readonly credentials: readonly ICredential[];
  /** Whether a new certificate can be got from here. */
  readonly renewable: boolean;
  readonly reach: IReach | null;
  readonly probing: string;
}

/** One thing that a probe looked for at a site. */
export interface IReachRow {
  readonly what: string;
  readonly found: string;
  readonly verdict: string;
  readonly reason: string;
  readonly measured: string | null;
  readonly expires: string | null;
}

/** What works at a site, as its last probe measured it. */
export interface IReach {
  readonly offer: string;
  readonly node: string;
  readonly chosen: string;
  readonly reachable: boolean;
  readonly measured: string;
  readonly rows: readonly IReachRow[];
}
