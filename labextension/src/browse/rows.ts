import { countryName } from '../format';
import type { IOffer, ISite } from '../wire';

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
  readonly country: string;
  readonly vendor: string;
  readonly gpuMemoryGb: number | null;
  readonly maxEur: number | null;
  readonly maxGrams: number | null;
  readonly readyNow: boolean;
}

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

/** Every offer there is, as rows. */
export function rowsOf(sites: readonly ISite[]): readonly IRow[] {
  const names = new Map<string, string>();
  const named = (code: string) => {
    const name = names.get(code) ?? countryName(code);
    names.set(code, name);
    return name;
  };
  return sites.flatMap(site =>
    site.offers.map(offer => {
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
          country && named(country),
          offer.gpu_vendor,
          offer.gpu_model,
          offer.cpu_architecture
        ]
          .filter(Boolean)
          .join(' ')
          .toLowerCase()
      };
    })
  );
}

/** Rows that are all that is asked for, in the order that they came in. */
export function find(rows: readonly IRow[], filter: IFilter): IFound {
  const words = filter.words.toLowerCase().split(/\s+/).filter(Boolean);
  const found: IRow[] = [];
  let unknown = 0;
  for (const row of rows) {
    const verdict = words.every(word => row.words.includes(word))
      ? satisfies(row, filter)
      : false;
    if (verdict) {
      found.push(row);
    } else if (verdict === null) {
      unknown += 1;
    }
  }
  return { rows: found, unknown };
}

/** null: nothing speaks against it, but something that is asked for is not known of it. */
function satisfies(row: IRow, filter: IFilter): boolean | null {
  const { offer } = row;
  const sure = <T>(field: keyof IOffer, value: T | null): T | null =>
    offer.unverified.includes(field) ? null : value;
  const verdicts = [
    !filter.site || row.site.id === filter.site,
    !filter.readyNow || offer.launchable,
    !filter.country || same(country(row), filter.country),
    !filter.vendor ||
      (hasNoGpu(offer)
        ? false
        : same(sure('gpu_vendor', offer.gpu_vendor), filter.vendor)),
    filter.gpuMemoryGb === null ||
      (hasNoGpu(offer)
        ? false
        : atMost(
            filter.gpuMemoryGb,
            sure('gpu_memory_gb', offer.gpu_memory_gb)
          )),
    filter.maxEur === null || atMost(offer.price_eur.value, filter.maxEur),
    filter.maxGrams === null || atMost(offer.carbon_g.value, filter.maxGrams)
  ];
  if (verdicts.includes(false)) {
    return false;
  }
  return verdicts.includes(null) ? null : true;
}

/** The country, unless it is the site's and nobody vouches for it. */
function country(row: IRow): string | null {
  const { country: own } = row.offer;
  return (own !== null && own !== row.site.country) ||
    !row.site.unverified.includes('country')
    ? row.country
    : null;
}

function same(value: string | null, wanted: string): boolean | null {
  return value === null ? null : value === wanted;
}

function atMost(low: number | null, high: number | null): boolean | null {
  return low === null || high === null ? null : low <= high;
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
