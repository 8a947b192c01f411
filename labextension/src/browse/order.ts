import type { IColumn } from './columns';
import type { IRow } from './rows';

export interface IOrder {
  readonly column: string;
  readonly descending: boolean;
}

const collator = new Intl.Collator(undefined, { numeric: true });

/** Rows of one value each, from the lowest to the highest, and those without one. */
interface IGroups {
  readonly alike: readonly (readonly IRow[])[];
  readonly last: readonly IRow[];
}

/** Of rows that did not change; the other direction, and a column that was left, cost little. */
const known = new WeakMap<readonly IRow[], Map<IColumn, IGroups>>();

/** Rows by one column. What has no value is last either way; equal rows stay in order. */
export function sorted(
  rows: readonly IRow[],
  column: IColumn,
  descending: boolean
): readonly IRow[] {
  const ofRows = known.get(rows) ?? new Map<IColumn, IGroups>();
  known.set(rows, ofRows);
  const { alike, last } = ofRows.get(column) ?? grouped(rows, column);
  ofRows.set(column, { alike, last });
  return (descending ? [...alike].reverse() : alike).flat().concat(last);
}

/**
 * Only the values that differ are compared: of 10,000 offers few differ in any column, and
 * comparing text as people read it is slow.
 */
function grouped(rows: readonly IRow[], column: IColumn): IGroups {
  const alike = new Map<string | number, IRow[]>();
  const last: IRow[] = [];
  for (const row of rows) {
    const key = column.key(row);
    const others = key === null ? last : alike.get(key);
    if (others) {
      others.push(row);
    } else if (key !== null) {
      alike.set(key, [row]);
    }
  }
  const values = [...alike].sort(([a], [b]) => compare(a, b));
  return { alike: values.map(([, same]) => same), last };
}

function compare(a: string | number, b: string | number): number {
  return typeof a === 'number' && typeof b === 'number'
    ? a - b
    : collator.compare(String(a), String(b));
}
