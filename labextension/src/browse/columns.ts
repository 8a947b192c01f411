import type { TranslationBundle } from '@jupyterlab/translation';

import * as format from '../format';
import type { IAmount, IOffer } from '../wire';
import { type Access, access, ACCESS_ORDER, accessWord } from './access';
import { hasNoGpu, type IRow } from './rows';

/**
 * How sure a value is. `none`: it is known that there is none (a GPU's memory where there
 * is no GPU). Unknown and unverified look different from known, and from each other.
 */
export type Certainty =
  'known' | 'estimated' | 'unverified' | 'unknown' | 'none';

export interface ICell {
  readonly text: string;
  readonly certainty: Certainty;
}

export interface IColumn {
  readonly id: string;
  readonly title: string;
  /** The same where there is room for it. */
  readonly name: string;
  /** What the heading means, where it is short. */
  readonly hint: string;
  readonly width: number;
  /** Columns with high numbers go first when there is no room. */
  readonly rank: number;
  readonly numeric?: boolean;
  /** What it is sorted by; null, which comes last: unknown, or none. */
  readonly key: (row: IRow) => string | number | null;
  readonly cell: (row: IRow) => ICell;
}

const UNKNOWN: ICell = { text: '?', certainty: 'unknown' };
const NONE: ICell = { text: '–', certainty: 'none' };

/** What is shown of an offer, in the order of the table. */
export function columns(trans: TranslationBundle): readonly IColumn[] {
  const value = (row: IRow, field: keyof IOffer, text: string | null): ICell =>
    text === null
      ? UNKNOWN
      : {
          text,
          certainty: row.offer.unverified.includes(field)
            ? 'unverified'
            : 'known'
        };
  // Translated once: there are as many cells as offers.
  const accessCells = new Map<Access, ICell>();
  const accessCell = (of: Access): ICell => {
    const cell = accessCells.get(of) ?? {
      text: accessWord(of, trans),
      certainty: of === 'unknown' ? 'unknown' : 'known'
    };
    accessCells.set(of, cell);
    return cell;
  };
  const noGpu: ICell = { text: trans.__('none'), certainty: 'none' };
  const billed = {
    whole: trans.__('whole nodes'),
    byPart: trans.__('by part')
  };
  return [
    {
      id: 'site',
      title: trans.__('Site'),
      name: trans.__('Site'),
      hint: trans.__('Site and what it calls the offer'),
      width: 184,
      rank: 0,
      key: row => row.site.name,
      cell: row => ({ text: row.site.name, certainty: 'known' })
    },
    {
      id: 'country',
      title: trans.__('In'),
      name: trans.__('Country'),
      hint: trans.__('Country'),
      width: 42,
      rank: 1,
      key: row => row.country,
      cell: row =>
        row.country === null
          ? UNKNOWN
          : {
              text: row.country,
              certainty:
                row.country === row.site.country &&
                row.site.unverified.includes('country')
                  ? 'unverified'
                  : 'known'
            }
    },
    {
      id: 'access',
      title: trans.__('Access'),
      name: trans.__('Access'),
      hint: trans.__('Ready, sign in, or not connected yet'),
      width: 134,
      rank: 1,
      key: row => ACCESS_ORDER[access(row)],
      cell: row => accessCell(access(row))
    },
    {
      id: 'gpu',
      title: trans.__('GPUs'),
      name: trans.__('GPUs of a node'),
      hint: trans.__('Number and model of the GPUs of one node'),
      width: 108,
      rank: 0,
      key: row => row.offer.gpu_model ?? row.offer.gpu_vendor,
      cell: ({ offer }) => {
        const model = offer.gpu_model ?? offer.gpu_vendor;
        if (hasNoGpu(offer)) {
          return noGpu;
        }
        return value(
          { offer } as IRow,
          'gpu_model',
          model === null && offer.gpus_per_node === null
            ? null
            : `${offer.gpus_per_node ?? '?'} × ${model ?? trans.__('GPU')}`
        );
      }
    },
    {
      id: 'memory',
      title: trans.__('GB'),
      name: trans.__('GB of a GPU'),
      hint: trans.__('Memory of one GPU, in GB'),
      width: 48,
      rank: 2,
      numeric: true,
      key: row => row.offer.gpu_memory_gb,
      cell: row =>
        hasNoGpu(row.offer)
          ? NONE
          : value(row, 'gpu_memory_gb', whole(row.offer.gpu_memory_gb))
    },
    {
      id: 'architecture',
      title: trans.__('CPU'),
      name: trans.__('CPU architecture'),
      hint: trans.__('Architecture of the processor'),
      width: 70,
      rank: 5,
      key: row => row.offer.cpu_architecture,
      cell: row => value(row, 'cpu_architecture', row.offer.cpu_architecture)
    },
    {
      id: 'free',
      title: trans.__('Nodes free'),
      name: trans.__('Nodes free'),
      hint: trans.__('Nodes that are free now, of how many'),
      width: 94,
      rank: 1,
      numeric: true,
      key: row => row.offer.nodes_free,
      cell: row => {
        const { nodes_free: free, nodes_total: total } = row.offer;
        const { gpus_free: gpus } = row.offer;
        if (free === null && gpus !== null) {
          return {
            text: trans.__('%1 GPUs', format.count(gpus)),
            certainty: 'known'
          };
        }
        if (free === null && total === null) {
          return UNKNOWN;
        }
        return {
          text: `${free === null ? '?' : format.count(free)} / ${
            total === null ? '?' : format.count(total)
          }`,
          certainty:
            free === null
              ? row.offer.unverified.includes('nodes_total')
                ? 'unverified'
                : 'unknown'
              : 'known'
        };
      }
    },
    {
      id: 'pending',
      title: trans.__('Pending'),
      name: trans.__('Jobs that wait'),
      hint: trans.__('Jobs that wait'),
      width: 78,
      rank: 6,
      numeric: true,
      key: row => row.offer.jobs_pending,
      cell: row => value(row, 'jobs_pending', whole(row.offer.jobs_pending))
    },
    {
      id: 'wait',
      title: trans.__('Wait'),
      name: trans.__('Expected wait'),
      hint: trans.__(
        'Half of the jobs begin within this, nine of ten within that'
      ),
      width: 116,
      rank: 3,
      numeric: true,
      key: row => row.offer.wait.median,
      cell: ({ offer: { wait } }) => {
        if (wait.median === null) {
          return UNKNOWN;
        }
        const half = seconds(wait.median);
        const most = wait.likely === null ? '?' : seconds(wait.likely);
        return amountCell(
          wait.kind,
          half === most ? half : `${half} … ${most}`
        );
      }
    },
    {
      id: 'price',
      title: trans.__('EUR/h'),
      name: trans.__('Price per hour'),
      hint: trans.__(
        'Price of an hour of one GPU, or of one node that has none; else what it takes of an allocation'
      ),
      width: 110,
      rank: 2,
      numeric: true,
      key: row => row.offer.price_eur.value,
      cell: ({ offer }) => {
        const { price_eur: eur, units, unit } = offer;
        if (eur.value !== null) {
          return amount(eur, 2);
        }
        return units.value !== null && unit ? unitsCell(units, unit) : UNKNOWN;
      }
    },
    {
      id: 'left',
      title: trans.__('Left'),
      name: trans.__('Allocation left'),
      hint: trans.__('What is left of your allocation'),
      width: 124,
      rank: 5,
      numeric: true,
      key: row => row.offer.left.value,
      cell: ({ offer }) =>
        offer.left.value !== null ? unitsCell(offer.left, offer.unit) : UNKNOWN
    },
    {
      id: 'carbon',
      title: trans.__('gCO₂e/h'),
      name: trans.__('gCO₂e per hour'),
      hint: trans.__(
        'Grams of CO₂ equivalent of an hour of one GPU, or of one node that has none'
      ),
      width: 70,
      rank: 3,
      numeric: true,
      key: row => row.offer.carbon_g.value,
      cell: row => amount(row.offer.carbon_g, 0)
    },
    {
      id: 'billing',
      title: trans.__('Billed'),
      name: trans.__('Billed by'),
      hint: trans.__('Whether a job pays for whole nodes'),
      width: 88,
      rank: 6,
      key: ({ offer: { whole_node: whole } }) =>
        whole === null ? null : Number(whole),
      cell: ({ offer: { whole_node: whole } }) =>
        whole === null
          ? UNKNOWN
          : {
              text: whole ? billed.whole : billed.byPart,
              certainty: 'known'
            }
    },
    {
      id: 'jurisdiction',
      title: trans.__('Law'),
      name: trans.__('Jurisdiction'),
      hint: trans.__('Whose law it is run under'),
      width: 120,
      rank: 7,
      key: row => row.site.jurisdiction,
      cell: ({ site }) =>
        site.jurisdiction
          ? {
              text: site.jurisdiction,
              certainty: site.unverified.includes('jurisdiction')
                ? 'unverified'
                : 'known'
            }
          : UNKNOWN
    }
  ];
}

/** Columns for which there is room, in the order of the table. */
export function fitting(
  all: readonly IColumn[],
  room: number
): readonly IColumn[] {
  const kept = [...all];
  let width = kept.reduce((sum, column) => sum + column.width, 0);
  while (width > room) {
    const last = kept.reduce((a, b) => (b.rank >= a.rank ? b : a));
    if (last.rank === 0) {
      break;
    }
    kept.splice(kept.indexOf(last), 1);
    width -= last.width;
  }
  return kept;
}

function amount(of: IAmount, digits: number): ICell {
  return of.value === null
    ? UNKNOWN
    : amountCell(
        of.kind,
        of.value !== 0 && of.value < 10 ** -digits
          ? of.value.toPrecision(1)
          : of.value.toFixed(digits)
      );
}

function amountCell(kind: string, text: string): ICell {
  return kind === 'estimated'
    ? { text: `~${text}`, certainty: 'estimated' }
    : { text, certainty: 'known' };
}

function unitsCell({ kind, value }: IAmount, unit: string): ICell {
  const named = unit.replace(/-hour$/, '-h');
  return amountCell(kind, `${short(value ?? 0)} ${named}`);
}

// Made once, since that takes longer than to use it.
const threeDigits = new Intl.NumberFormat(undefined, {
  maximumSignificantDigits: 3
});

function short(value: number): string {
  return threeDigits.format(value);
}

function whole(value: number | null): string | null {
  return value === null ? null : format.count(Math.round(value));
}

function seconds(value: number): string {
  return value < 60
    ? `${Math.round(value)} s`
    : format.minutes(Math.round(value / 60));
}
