import { fitting, type IColumn } from './columns';

/** Width of what is pressed to choose an offer, left of all columns. */
export const PICK_WIDTH = 34;
/** Kept free whether there is a scroll bar or not: the same columns fit either way. */
const SCROLLBAR = 18;
/** Columns that take the room that is left. */
const FLEXIBLE = ['site', 'gpu', 'jurisdiction'];

/** A column and its width in pixels; they lie beside each other. */
export interface IPlace {
  readonly column: IColumn;
  readonly width: number;
}

/** The columns for which there is room, beside each other. */
export function places(
  columns: readonly IColumn[],
  width: number
): readonly IPlace[] {
  const room = width - PICK_WIDTH - SCROLLBAR;
  const shown = fitting(columns, room);
  const sum = (some: readonly IColumn[]) =>
    some.reduce((total, column) => total + column.width, 0);
  const flexible = shown.filter(column => FLEXIBLE.includes(column.id));
  const over = Math.max(0, room - sum(shown)) / sum(flexible);
  return shown.map(column => {
    const share = flexible.includes(column) ? column.width * over : 0;
    return { column, width: Math.floor(column.width + share) };
  });
}
