import type { ICluster, IDevice, IGroup, IOffer, ISite, IWorker } from './wire';

/** What to show of what there is. Pure. */

export interface IFilter {
  /** Words that all have to occur somewhere in a site or its offers. */
  readonly words: string;
  readonly gpusOnly: boolean;
}

/** Sites that match, each with the offers that match, connected ones first. */
export function matching(
  sites: readonly ISite[],
  filter: IFilter
): readonly ISite[] {
  const words = filter.words.toLowerCase().split(/\s+/).filter(Boolean);
  return sites
    .map(site => narrowed(site, words, filter.gpusOnly))
    .filter(site => site !== null)
    .sort(
      (a, b) =>
        Number(!isConnected(a)) - Number(!isConnected(b)) ||
        a.name.localeCompare(b.name)
    );
}

/** True when the person has a profile there. */
export function isConnected(site: ISite): boolean {
  return !['catalogued', 'planned', 'retired'].includes(site.state);
}

export function hasGpus(offer: IOffer): boolean {
  return offer.gpu_model !== null || (offer.gpus_per_node ?? 0) > 0;
}

/** Models of a site's GPUs, each once. */
export function gpuModels(site: ISite): readonly string[] {
  const models = site.offers.map(offer => offer.gpu_model);
  return [...new Set(models.filter(model => model !== null))];
}

/** Workers that one job of this offer brings, when nothing else is said. */
export function workersPerJob(
  offer: IOffer | undefined,
  nodes: number
): number {
  return Math.max(1, offer?.gpus_per_node ?? 1) * nodes;
}

export function findOffer(
  sites: readonly ISite[],
  id: string
): IOffer | undefined {
  return sites.flatMap(site => site.offers).find(offer => offer.id === id);
}

/** What a person calls a site: by its id alone while it is not known. */
export function siteName(sites: readonly ISite[], id: string): string {
  return sites.find(site => site.id === id)?.name ?? id;
}

/** A group that nobody named has its site's name, with a number from the second on. */
export function groupName(
  sites: readonly ISite[],
  { name, site }: Pick<IGroup, 'name' | 'site'>
): string {
  const number = name.startsWith(site) ? name.slice(site.length) : null;
  return number !== null && /^(-\d+)?$/.test(number)
    ? siteName(sites, site) + number.replace('-', ' ')
    : name;
}

/** How many workers are in which state, most frequent first, with the reason they share. */
export function tally(
  group: IGroup
): readonly { state: string; count: number; reason: string }[] {
  const byState = new Map<string, IWorker[]>();
  for (const worker of group.workers) {
    const others = byState.get(worker.state) ?? [];
    byState.set(worker.state, [...others, worker]);
  }
  return [...byState]
    .map(([state, workers]) => ({
      state,
      count: workers.length,
      reason: workers.find(worker => worker.reason)?.reason ?? ''
    }))
    .sort((a, b) => b.count - a.count);
}

/** Workers of these clusters: those that are there, and those wanted. */
export function workersOf(clusters: readonly ICluster[]): {
  readonly ready: number;
  readonly wanted: number;
} {
  const groups = clusters.flatMap(cluster => cluster.groups);
  return {
    ready: groups.reduce((sum, it) => sum + it.workers_ready, 0),
    wanted: groups.reduce((sum, it) => sum + it.workers_wanted, 0)
  };
}

export function memoryOf(cluster: ICluster): {
  used: number;
  limit: number;
} {
  const workers = cluster.groups.flatMap(group => group.workers);
  const sum = (value: (worker: IWorker) => number | null) =>
    workers.reduce((total, worker) => total + (value(worker) ?? 0), 0);
  return {
    used: sum(worker => worker.memory_bytes),
    limit: sum(worker => worker.memory_limit_bytes)
  };
}

/** A device, and the worker whose it is. */
export interface IUsedDevice extends IDevice {
  readonly key: string;
  readonly worker: IWorker;
}

/** Devices and what is known of them together; `null` where nobody told. */
export interface IDevices {
  readonly devices: readonly IUsedDevice[];
  readonly busyPercent: number | null;
  readonly powerWatts: number | null;
}

/** The devices of one site's workers, of all clusters. */
export interface ISiteDevices extends IDevices {
  readonly site: string;
}

/** Devices by site, the sites with GPUs first. */
export function devicesBySite(
  clusters: readonly ICluster[]
): readonly ISiteDevices[] {
  const bySite = new Map<string, IUsedDevice[]>();
  for (const cluster of clusters) {
    for (const group of cluster.groups) {
      for (const worker of group.workers) {
        const used = worker.devices.map((device, number) => ({
          ...device,
          worker,
          key: `${cluster.name} ${worker.name} ${number}`
        }));
        if (used.length) {
          bySite.set(group.site, [...(bySite.get(group.site) ?? []), ...used]);
        }
      }
    }
  }
  return [...bySite]
    .map(([site, devices]) => ({ site, ...sumOf(devices) }))
    .sort(
      (a, b) =>
        Number(!hasGpu(a)) - Number(!hasGpu(b)) || a.site.localeCompare(b.site)
    );
}

export function sumOf(devices: readonly IUsedDevice[]): IDevices {
  return {
    devices,
    busyPercent: mean(devices.map(it => it.busy_percent)),
    powerWatts: total(devices.map(it => it.power_watts))
  };
}

function hasGpu(site: ISiteDevices): boolean {
  return site.devices.some(it => it.device);
}

/** Of those that are known. */
function mean(values: readonly (number | null)[]): number | null {
  const known = values.filter(value => value !== null);
  const sum = total(values);
  return sum === null ? null : sum / known.length;
}

function total(values: readonly (number | null)[]): number | null {
  const known = values.filter(value => value !== null);
  return known.length ? known.reduce((sum, value) => sum + value, 0) : null;
}

function narrowed(
  site: ISite,
  words: readonly string[],
  gpusOnly: boolean
): ISite | null {
  const about = text(
    site.name,
    site.id,
    site.operator,
    site.country,
    site.kind
  );
  const offers = site.offers.filter(
    offer =>
      (!gpusOnly || hasGpus(offer)) &&
      words.every(
        word =>
          about.includes(word) ||
          text(offer.name, offer.gpu_model, offer.gpu_vendor).includes(word)
      )
  );
  if (offers.length) {
    return { ...site, offers };
  }
  const stays = !gpusOnly && words.every(word => about.includes(word));
  return stays ? site : null;
}

function text(...parts: readonly (string | null)[]): string {
  return parts.filter(Boolean).join(' ').toLowerCase();
}
