/** What the table of a sweep shows, in which order. Pure. */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { ISweepRow, ISweepView, Shown } from '../wire';

export interface IColumn {
  readonly key: string;
  readonly label: string;
  /** Numbers stand to the right. */
  readonly numeric: boolean;
  readonly value: (row: ISweepRow) => Shown;
  /** As it is written in a cell. */
  readonly text: (row: ISweepRow) => string;
  /** In pixels; the last column takes what is left. */
  readonly width: number;
}

export interface IOrder {
  readonly key: string;
  readonly descending: boolean;
}

const SIGN_PX = 8.2;
/** Of a heading, which is bold. */
const BOLD_PX = 9;
const PADDING_PX = 22;
const ARROW_PX = 14;
const DOT_PX = 14;
const NARROWEST_PX = 64;
const WIDEST_PX = 260;
const REASON_PX = 320;
/** Rows that decide how wide a column is. */
const SAMPLE = 400;
const PLACES = 6;

/** Statuses in the order of a run's life. */
export const STATUSES = [
  'waiting',
  'running',
  'completed',
  'failed',
  'died',
  'unreadable'
];

/** Those that have a sentence. */
export const FAILED = ['failed', 'died', 'unreadable'];

export function statusWord(status: string, trans: TranslationBundle): string {
  switch (status) {
    case 'waiting':
      return trans.__('Waiting');
    case 'running':
      return trans.__('Running');
    case 'completed':
      return trans.__('Completed');
    case 'failed':
      return trans.__('Failed');
    case 'died':
      return trans.__('Kernel died');
    case 'unreadable':
      return trans.__('Unreadable');
    default:
      return status;
  }
}

export function cellText(value: Shown): string {
  if (typeof value !== 'number') {
    return value ?? '';
  }
  return Number.isInteger(value)
    ? String(value)
    : String(Number(value.toPrecision(PLACES)));
}

/** The columns that these rows fill: none for what no run has. */
export function columnsOf(
  view: ISweepView,
  rows: readonly ISweepRow[],
  trans: TranslationBundle
): IColumn[] {
  const made: Omit<IColumn, 'width' | 'numeric'>[] = [];
  const add = (
    key: string,
    label: string,
    value: IColumn['value'],
    text: IColumn['text'] = row => cellText(value(row))
  ) => {
    made.push({ key, label, value, text });
  };
  add('run', trans.__('Run'), row => row.run);
  add(
    'status',
    trans.__('Status'),
    row => row.status,
    row => statusWord(row.status, trans)
  );
  view.parameters.forEach((name, at) => {
    add(`params.${name}`, name, row => row.parameters[at] ?? null);
  });
  for (const name of outputsOf(rows)) {
    add(`outputs.${name}`, name, row =>
      Object.hasOwn(row.outputs, name) ? row.outputs[name] : null
    );
  }
  add(
    'seconds',
    trans.__('Seconds'),
    row => row.seconds,
    row => row.seconds?.toFixed(row.seconds < 100 ? 2 : 0) ?? ''
  );
  if (rows.some(row => row.energy_kwh !== null)) {
    const wattHours = (row: ISweepRow) =>
      row.energy_kwh === null ? null : 1000 * row.energy_kwh;
    add('energy', trans.__('Energy (Wh)'), wattHours, row => {
      const value = wattHours(row);
      return value === null ? '' : String(Number(value.toPrecision(3)));
    });
  }
  add('site', trans.__('Site'), row => row.site || null);
  if (rows.some(row => row.attempts > 1)) {
    add('attempts', trans.__('Attempts'), row => row.attempts || null);
  }
  if (rows.some(row => row.error)) {
    add('error', trans.__('Why'), row => row.error || null);
  }
  return made.map(column => ({
    ...column,
    numeric: isNumeric(column.value, rows),
    width: widthOf(column, rows)
  }));
}

/** The same columns, with the sentences where they are seen first. */
export function reasonFirst(columns: readonly IColumn[]): IColumn[] {
  const place = ({ key }: IColumn) =>
    key === 'error' ? 1 : key === 'run' || key === 'status' ? 0 : 2;
  return [...columns].sort((a, b) => place(a) - place(b));
}

/** Names of all outputs, in the order in which they are met. */
function outputsOf(rows: readonly ISweepRow[]): string[] {
  const names = new Set<string>();
  for (const row of rows) {
    for (const name of Object.keys(row.outputs)) {
      names.add(name);
    }
  }
  return [...names];
}

function isNumeric(
  value: IColumn['value'],
  rows: readonly ISweepRow[]
): boolean {
  const known = rows.map(value).filter(it => it !== null);
  return known.length > 0 && known.every(it => typeof it === 'number');
}

function widthOf(
  column: Omit<IColumn, 'width' | 'numeric'>,
  rows: readonly ISweepRow[]
): number {
  if (column.key === 'error') {
    return REASON_PX;
  }
  const step = Math.max(1, Math.floor(rows.length / SAMPLE));
  let signs = 0;
  for (let at = 0; at < rows.length; at += step) {
    signs = Math.max(signs, column.text(rows[at]).length);
  }
  const wanted =
    PADDING_PX +
    Math.max(
      Math.ceil(column.label.length * BOLD_PX) + ARROW_PX,
      Math.ceil(signs * SIGN_PX) + (column.key === 'status' ? DOT_PX : 0)
    );
  return Math.min(WIDEST_PX, Math.max(NARROWEST_PX, wanted));
}

/** How many rows there are of each status, of those that there are. */
export function countsOf(
  rows: readonly ISweepRow[]
): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const row of rows) {
    counts.set(row.status, (counts.get(row.status) ?? 0) + 1);
  }
  return counts;
}

/** Rows of that status in which every word is found somewhere; '' is any. */
export function filtered(
  rows: readonly ISweepRow[],
  columns: readonly IColumn[],
  status: string,
  text: string
): readonly ISweepRow[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (!status && !words.length) {
    return rows;
  }
  return rows.filter(row => {
    if (status && row.status !== status) {
      return false;
    }
    if (!words.length) {
      return true;
    }
    const whole = columns.map(column => column.text(row).toLowerCase());
    return words.every(word => whole.some(cell => cell.includes(word)));
  });
}

/** Numbers before text, unknown last whichever way; equal ones by their number. */
export function sorted(
  rows: readonly ISweepRow[],
  columns: readonly IColumn[],
  order: IOrder
): readonly ISweepRow[] {
  const column = columns.find(it => it.key === order.key);
  if (column === undefined) {
    return rows;
  }
  const sign = order.descending ? -1 : 1;
  const keyed = rows.map(row => ({ row, value: column.value(row) }));
  keyed.sort((a, b) => {
    if (a.value === null || b.value === null) {
      return (
        Number(a.value === null) - Number(b.value === null) ||
        a.row.run - b.row.run
      );
    }
    return sign * compared(a.value, b.value) || a.row.run - b.row.run;
  });
  return keyed.map(({ row }) => row);
}

const COLLATOR = new Intl.Collator(undefined, { numeric: true });

function compared(a: number | string, b: number | string): number {
  if (typeof a === 'number' && typeof b === 'number') {
    return a - b;
  }
  if (typeof a === 'number' || typeof b === 'number') {
    return typeof a === 'number' ? -1 : 1;
  }
  return COLLATOR.compare(a, b);
}
