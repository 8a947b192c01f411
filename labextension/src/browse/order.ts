import type { IColumn } from './columns';
import type { IRow } from './rows';

export interface IOrder {
  readonly column: string;
  readonly descending: boolean;
}

const collator = new Intl.Collator(undefined, { numeric: true });

/**
 * Rows by one column. What has no value is last either way; equal rows stay in order.
 *
 * Only the values that differ are compared: of 10,000 offers few differ in any column, and
 * comparing text as people read it is slow.
 */
export function sorted(
  rows: readonly IRow[],
  column: IColumn,
  descending: boolean
): readonly IRow[] {
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
  const sign = descending ? -1 : 1;
  return [...alike]
    .sort(([a], [b]) => sign * compare(a, b))
    .flatMap(([, same]) => same)
    .concat(last);
}

function compare(a: string | number, b: string | number): number {
  return typeof a === 'number' && typeof b === 'number'
    ? a - b
    : collator.compare(String(a), String(b));
}
