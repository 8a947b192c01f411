import { countryName } from '../format';
import type { IOffer, ISite } from '../wire';
import { MEMBERS, UNION } from './union';

/** One offer of the table, with its site. */
export interface IRow {
  readonly id: string;
  readonly site: ISite;
  readonly offer: IOffer;
  readonly country: string | null;
  /** Everything that a search finds it by, in small letters. */
  readonly words: string;
}

/** What is asked for. `null` and '' ask for nothing. */
export interface IFilter {
  readonly words: string;
  readonly site: string;
  /** A code, or `UNION` for any of its members. */
  readonly country: string;
  /** A vendor of GPUs, or `ANY_GPU`. */
  readonly vendor: string;
  readonly gpuMemoryGb: number | null;
  readonly maxEur: number | null;
  readonly maxGrams: number | null;
  readonly readyNow: boolean;
}

/** As a vendor: whoever made it, as long as there is one. */
export const ANY_GPU = 'any';

export const NO_FILTER: IFilter = {
  words: '',
  site: '',
  country: '',
  vendor: '',
  gpuMemoryGb: null,
  maxEur: null,
  maxGrams: null,
  readyNow: false
};

export interface IFound {
  readonly rows: readonly IRow[];
  /** How many are left out only because what is asked for is unknown or unverified of them. */
  readonly unknown: number;
}

/** Rows of the sites that did not change: an event changes one. */
const rowsOfSite = new WeakMap<ISite, readonly IRow[]>();

/** Every offer there is, as rows. */
export function rowsOf(sites: readonly ISite[]): readonly IRow[] {
  return sites.flatMap(site => {
    const rows = rowsOfSite.get(site) ?? site.offers.map(it => rowOf(site, it));
    rowsOfSite.set(site, rows);
    return rows;
  });
}

function rowOf(site: ISite, offer: IOffer): IRow {
  const country = offer.country ?? site.country;
  return {
    id: offer.id,
    site,
    offer,
    country,
    words: [
      site.name,
      offer.id,
      site.operator,
      country,
      country && countryName(country),
      offer.gpu_vendor,
      offer.gpu_model,
      offer.cpu_architecture
    ]
      .filter(Boolean)
      .join(' ')
      .toLowerCase()
  };
}

/** null: nothing speaks against it, but something that is asked for is not known of it. */
type Verdict = boolean | null;

/** Rows that are all that is asked for, in the order that they came in. */
export function find(rows: readonly IRow[], filter: IFilter): IFound {
  const asked = questions(filter);
  if (!asked.length) {
    return { rows, unknown: 0 };
  }
  const found: IRow[] = [];
  let unknown = 0;
  for (const row of rows) {
    const verdict = all(asked, row);
    if (verdict) {
      found.push(row);
    } else if (verdict === null) {
      unknown += 1;
    }
  }
  return { rows: found, unknown };
}

function all(
  questions: readonly ((row: IRow) => Verdict)[],
  row: IRow
): Verdict {
  let verdict: Verdict = true;
  for (const question of questions) {
    const answer = question(row);
    if (answer === false) {
      return false;
    }
    verdict = answer && verdict;
  }
  return verdict;
}

/** One for each thing that is asked for. */
function questions(filter: IFilter): readonly ((row: IRow) => Verdict)[] {
  const { site, vendor, gpuMemoryGb, maxEur, maxGrams } = filter;
  const asked: ((row: IRow) => Verdict)[] = filter.words
    .toLowerCase()
    .split(/\s+/)
    .filter(Boolean)
    .map(word => row => row.words.includes(word));
  const sure = <T>(
    row: IRow,
    field: keyof IOffer,
    value: T | null
  ): T | null => (row.offer.unverified.includes(field) ? null : value);
  if (site) {
    asked.push(row => row.site.id === site);
  }
  if (filter.readyNow) {
    asked.push(row => row.offer.launchable);
  }
  if (filter.country === UNION) {
    asked.push(row => map(country(row), code => MEMBERS.has(code)));
  } else if (filter.country) {
    asked.push(row => same(country(row), filter.country));
  }
  if (vendor === ANY_GPU) {
    asked.push(row => !hasNoGpu(row.offer) && hasGpu(row.offer));
  } else if (vendor) {
    asked.push(
      row =>
        !hasNoGpu(row.offer) &&
        same(sure(row, 'gpu_vendor', row.offer.gpu_vendor), vendor)
    );
  }
  if (gpuMemoryGb !== null) {
    asked.push(
      row =>
        !hasNoGpu(row.offer) &&
        atMost(gpuMemoryGb, sure(row, 'gpu_memory_gb', row.offer.gpu_memory_gb))
    );
  }
  if (maxEur !== null) {
    asked.push(row => atMost(row.offer.price_eur.value, maxEur));
  }
  if (maxGrams !== null) {
    asked.push(row => atMost(row.offer.carbon_g.value, maxGrams));
  }
  return asked;
}

/** The country, unless it is the site's and nobody vouches for it. */
function country(row: IRow): string | null {
  const { country: own } = row.offer;
  return (own !== null && own !== row.site.country) ||
    !row.site.unverified.includes('country')
    ? row.country
    : null;
}

function same(value: string | null, wanted: string): Verdict {
  return map(value, known => known === wanted);
}

function map(
  value: string | null,
  verdict: (known: string) => boolean
): Verdict {
  return value === null ? null : verdict(value);
}

function atMost(low: number | null, high: number | null): Verdict {
  return low === null || high === null ? null : low <= high;
}

/** null: where it may or may not have one. */
function hasGpu(offer: IOffer): Verdict {
  const fields = ['gpus_per_node', 'gpu_model', 'gpu_vendor'] as const;
  return fields.some(field => offer[field] && !offer.unverified.includes(field))
    ? true
    : null;
}

/** True where it is known that there is none. */
export function hasNoGpu(offer: IOffer): boolean {
  return (
    offer.gpus_per_node === 0 ||
    (offer.gpus_per_node === null &&
      offer.gpu_model === null &&
      offer.gpu_vendor === null &&
      offer.cpus_per_node !== null)
  );
}

/** Values that occur, sorted, for a list to choose from. */
export function choices(
  rows: readonly IRow[],
  value: (row: IRow) => string | null
): readonly string[] {
  const all = new Set(rows.map(value).filter(each => each !== null));
  return [...all].sort();
}
