import { Token } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';

import type {
  Change,
  IAssociation,
  IClaim,
  ICluster,
  IDataset,
  IDraft,
  IDryRun,
  IFetch,
  IFiles,
  IPlan,
  IProfile,
  IPrompt,
  IReach,
  ISite,
  ISweepView
} from './wire';

/** The state of sites and clusters, for whoever wants to show it. */
export const IContinuumModel = new Token<IContinuumModel>(
  'jupyter-continuum:IContinuumModel',
  'Sites, clusters and prompts as the broker knows them.'
);

/** What asks the server; the only place that fetches. */
export interface IContinuumApi {
  sites(retired: boolean): Promise<ISite[]>;
  refresh(site: string): Promise<ISite | null>;
  /** '' for a site of the person's own. */
  draft(site: string): Promise<IDraft>;
  associations(site: string): Promise<IAssociation[]>;
  connect(profile: IProfile): Promise<ISite | null>;
  disconnect(site: string): Promise<ISite>;
  /** Run what gives the person a new certificate; it may ask. */
  renew(site: string): Promise<ISite | null>;
  probe(site: string, offer: string): Promise<IReach | null>;
  cancelProbe(site: string): Promise<void>;
  /** Who says what of an offer and its site; of each field what is shown first. */
  claims(offer: string): Promise<readonly IClaim[]>;
  clusters(): Promise<ICluster[]>;
  datasets(): Promise<IDataset[]>;
  /** `accept` names claims of the policy that are taken as they are. */
  dryRun(plan: IPlan, accept: readonly string[]): Promise<IDryRun>;
  launch(plan: IPlan, accept: readonly string[]): Promise<ICluster | null>;
  scale(name: string, group: string, jobs: number): Promise<ICluster>;
  stop(name: string): Promise<ICluster | null>;
  endAccess(name: string): Promise<ICluster | null>;
  openAccess(name: string): Promise<ICluster | null>;
  logs(name: string, group: string): Promise<Readonly<Record<string, string>>>;
  /** Pages of a cluster's dashboard that hold one plot each, by title. */
  plots(name: string): Promise<Readonly<Record<string, string>>>;
  prompts(): Promise<IPrompt[]>;
  answer(id: string, value: string | null): Promise<void>;
}

/** What asks the server about a sweep's folder. */
export interface ISweepApi {
  /** All of it, or with `since` what an earlier answer did not have. */
  sweep(path: string, since: string): Promise<ISweepView>;
}

/** What asks the server about files at sites. */
export interface IFilesApi {
  /** A folder; '' for where a login would be. */
  files(site: string, path: string): Promise<IFiles>;
  /** Begin to bring a file to a folder below the server's root. */
  fetch(
    site: string,
    path: string,
    folder: string,
    force: boolean
  ): Promise<IFetch>;
  /** On their way, and the last that ended. */
  fetches(): Promise<IFetch[]>;
  stopFetching(id: string): Promise<void>;
}

/** One line of what is about to be launched. */
export interface IPick {
  readonly offer: string;
  readonly jobs: number;
  /** Nodes in one job. */
  readonly nodes: number;
  /** null: the site's own default. */
  readonly walltimeMinutes: number | null;
}

/** What the panel is waiting for, or that it waits for nothing. */
export type Phase = 'idle' | 'loading' | 'ready' | 'failed';

export interface IContinuumModel {
  readonly phase: Phase;
  /** Why `phase` is `failed`; '' otherwise. */
  readonly trouble: string;
  /** When the records were last heard of, or null. */
  readonly heard: Date | null;
  readonly sites: readonly ISite[];
  readonly clusters: readonly ICluster[];
  readonly prompts: readonly IPrompt[];
  readonly showRetired: boolean;
  /** The site that somebody pointed at last; '' for none. */
  readonly revealed: string;
  readonly picks: readonly IPick[];
  /** Name for the next cluster; '' lets the broker make one up. */
  readonly draftName: string;
  /** What is being done for the person right now, by subject: `cluster:NAME`, `site:ID`, `launch`. */
  readonly busy: ReadonlyMap<string, string>;
  readonly stateChanged: ISignal<IContinuumModel, void>;
  /** A sentence about something that failed after the panel had stopped waiting for it. */
  readonly failed: ISignal<IContinuumModel, string>;

  /** Fetch everything; called when the panel is first seen, and to try again. */
  refresh(): Promise<void>;
  /** Point at a site: a view unfolds it. */
  reveal(site: string): void;
  setShowRetired(show: boolean): void;
  /** Add an offer to the launch, or take it out. */
  toggle(offer: string): void;
  change(offer: string, to: Partial<Omit<IPick, 'offer'>>): void;
  setDraftName(name: string): void;
  /** The plan that the picks make. */
  plan(): IPlan;
  dryRun(accept?: readonly string[]): Promise<IDryRun>;
  launch(accept?: readonly string[]): Promise<void>;
  scale(name: string, group: string, jobs: number): Promise<void>;
  stop(name: string): Promise<void>;
  /** Drop every client, and let none in. */
  endAccess(name: string): Promise<void>;
  openAccess(name: string): Promise<void>;
  logs(name: string, group?: string): Promise<Readonly<Record<string, string>>>;
  draft(site: string): Promise<IDraft>;
  associations(site: string): Promise<readonly IAssociation[]>;
  plots(name: string): Promise<Readonly<Record<string, string>>>;
  claims(offer: string): Promise<readonly IClaim[]>;
  /** Records are read anew each time: a person writes one and looks. */
  datasets(): Promise<readonly IDataset[]>;
  /** Log in, and wait for how that ends: the site's state then; '' when it is gone. */
  connectSite(profile: IProfile): Promise<string>;
  disconnectSite(site: string): Promise<void>;
  refreshSite(site: string): Promise<void>;
  renewSite(site: string): Promise<void>;
  probeSite(site: string, offer: string): Promise<void>;
  cancelProbe(site: string): Promise<void>;
  answer(id: string, value: string | null): Promise<void>;
  /** Take in what the event socket brought. */
  apply(change: Change): void;
}
