/**
 * What the server sends: the models of `jupyter_continuum/broker/messages/`,
 * written down once. `null` means unknown. Times are ISO 8601 in UTC.
 */

export type SiteState =
  | 'catalogued'
  | 'connecting'
  | 'sign-in'
  | 'ready'
  | 'unreachable'
  | 'retired'
  | 'planned';

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

/** What a record says of one thing, and who says so. */
export interface ITold {
  readonly value: string | number | boolean | readonly string[];
  readonly kind: string;
  readonly source: string;
  readonly date: string;
}

/** A data set; `null` means unknown. */
export interface IDataset {
  readonly id: string;
  readonly name: string;
  readonly url: string;
  readonly path: string;
  readonly format: string;
  readonly site: string | null;
  readonly owner: ITold | null;
  readonly licence: ITold | null;
  readonly jurisdiction: ITold | null;
  readonly stays: ITold | null;
  readonly size_gb: ITold | null;
}

/** One entry of a folder at a site. */
export interface IFile {
  readonly name: string;
  readonly kind: string;
  readonly size: number | null;
  readonly modified: string | null;
  readonly fetchable: boolean;
  /** It is a folder, or may lead to one. */
  readonly opens: boolean;
}

/** A folder at a site, folders first. */
export interface IFiles {
  readonly site: string;
  readonly path: string;
  readonly files: readonly IFile[];
  /** There are more than are listed. */
  readonly more: boolean;
  /** The folder that holds it; null where none is known. */
  readonly above: string | null;
}

/** A file on its way here. */
export interface IFetch {
  readonly id: string;
  readonly site: string;
  /** There. */
  readonly path: string;
  /** Here, as the file browser has it. */
  readonly target: string;
  readonly state: FetchState;
  readonly reason: string;
  readonly done: number;
  readonly total: number | null;
}

export type FetchState = 'running' | 'done' | 'stopped' | 'failed';

export interface IPrompt {
  readonly id: string;
  readonly kind: string;
  readonly site: string;
  readonly text: string;
  readonly secret: boolean;
  readonly expires: string;
}

export interface IGroupPlan {
  readonly offer: string;
  readonly jobs: number;
  readonly nodes?: number;
  readonly workers_per_node?: number;
  readonly walltime_minutes?: number;
}

export interface IPlan {
  readonly name?: string;
  readonly groups: readonly IGroupPlan[];
  readonly policy?: IPolicy;
}

export interface IGroupDryRun {
  readonly group: string;
  readonly offer: string;
  readonly jobs: number;
  readonly workers: number;
  readonly script: string;
  readonly wait: IWait;
  /** Of all jobs until their walltime, as are the amounts below. */
  readonly eur: IAmount;
  readonly unit: string;
  readonly units: IAmount;
  readonly energy_kwh: IAmount;
  readonly carbon_kg: IAmount;
  readonly certificate: string;
}

/** What one rule of the policy says of one site; '' of all together. */
export interface IFinding {
  readonly rule: string;
  readonly site: string;
  /** `site:field`: what an acceptance names. */
  readonly claim: string;
  /** `satisfied`, `accepted`, `unknown` or `refused`; the last two stop a launch. */
  readonly verdict: string;
  readonly said: string;
}

/** The person's hard limits. */
export interface IPolicy {
  readonly jurisdictions?: readonly string[] | null;
  readonly no_foreign_control?: boolean;
  readonly max_eur?: number | null;
  readonly max_allocation?: Readonly<Record<string, number>>;
  readonly max_carbon_kg?: number | null;
  readonly terms_accepted?: boolean;
}

/** The policy of the person's settings, and what stops each offer. */
export interface IPolicyView {
  readonly path: string;
  readonly limits: IPolicy;
  readonly offers: Readonly<Record<string, readonly IFinding[]>>;
}

export interface IDryRun {
  readonly cluster: string;
  /** As a file holds it. */
  readonly plan: string;
  readonly groups: readonly IGroupDryRun[];
  readonly warnings: readonly string[];
  readonly parity: readonly IParity[];
  readonly policy: readonly IFinding[];
  /** Why the policy refuses the launch, and what to do; '' when it does not. */
  readonly refusal: string;
}

/** One thing that is installed here and there; '' where it is not, or not known. */
export interface IParityRow {
  readonly what: string;
  readonly here: string;
  readonly there: string;
  readonly verdict: string;
}

/** The worker environment of a site beside ours. */
export interface IParity {
  readonly site: string;
  readonly python: string;
  readonly rows: readonly IParityRow[];
  readonly refusal: string;
}

/** The person's side of a site; holds no secret. */
export interface IProfile {
  readonly site: string;
  readonly kind: 'local' | 'emulated' | 'slurm' | 'kubernetes';
  readonly ssh?: ILogin;
  readonly account?: string;
  readonly terms_accepted?: boolean;
  readonly qos?: string;
  readonly work_directory?: string;
  readonly kubernetes?: {
    readonly context: string;
    readonly namespace?: string;
    readonly offers: readonly IPod[];
  };
}

/** How a login node is reached. */
export interface ILogin {
  readonly host: string;
  readonly user: string;
  readonly key?: string;
  readonly host_key?: string;
  readonly jump?: readonly ILogin[];
}

/** A site that the person has described to another program. */
export interface ICandidate {
  readonly site: string;
  readonly source: string;
  readonly name: string;
  readonly text: string;
  readonly profile: Partial<IProfile>;
  readonly reason: string;
}

/** What is known of the person's side of a site before anything is asked. */
export interface IDraft {
  readonly site: string;
  readonly user: string;
  readonly profile: Partial<IProfile>;
  readonly access: string;
  /** Links; '' when nobody says where. */
  readonly terms: string;
  readonly docs: string;
  readonly candidates: readonly ICandidate[];
}

/** What the person may charge at a site. */
export interface IAssociation {
  readonly account: string;
  readonly qos: readonly string[];
}

/** What one pod of an offer may have. */
export interface IPod {
  readonly name: string;
  readonly image: string;
  readonly cpus: number;
  readonly memory_gb: number;
  readonly gpus: number;
}

/** What comes over the event socket when something changed. */
export type Change =
  | { readonly kind: 'site'; readonly site: ISite }
  | { readonly kind: 'cluster'; readonly cluster: ICluster }
  | { readonly kind: 'cluster-gone'; readonly name: string }
  | { readonly kind: 'prompt' }
  | { readonly kind: 'prompt-gone'; readonly id: string }
  | {
      readonly kind: 'broker';
      readonly state: 'ready' | 'lost';
      readonly message?: string;
    }
  | {
      readonly kind: 'fetch';
      readonly id: string;
      readonly state: FetchState;
      readonly done: number;
      readonly total: number | null;
    }
  | { readonly kind: 'failure'; readonly message: string };

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
