import type { TranslationBundle } from '@jupyterlab/translation';
import {
  type KeyboardEvent,
  memo,
  type MouseEvent,
  type UIEvent,
  useId,
  useLayoutEffect,
  useMemo,
  useRef,
  useState
} from 'react';

import type { IColumn } from './columns';
import { type ICellAt, LINE } from './line';
import { Lines } from './lines';
import type { IOrder } from './order';
import { PICK_WIDTH, places } from './places';
import type { IFilter, IRow } from './rows';

const START: ICellAt = { row: 0, column: 1 };

export interface ITableProps {
  readonly rows: readonly IRow[];
  readonly columns: readonly IColumn[];
  /** What the rows answer: another question shows them from the first on. */
  readonly filter: IFilter;
  readonly order: IOrder;
  readonly picked: ReadonlySet<string>;
  /** The row that the details are of. */
  readonly chosen: string | null;
  readonly trans: TranslationBundle;
  readonly onSort: (column: string) => void;
  readonly onChoose: (row: IRow) => void;
  readonly onPick: (row: IRow) => void;
}

/**
 * An ARIA grid that draws only the rows that are seen. It is one stop of the Tab key;
 * arrows move the active cell, and what is moved to is drawn, so everything can be reached.
 */
export const Table = memo(function Table(props: ITableProps): JSX.Element {
  const { rows, filter, order, picked, chosen, trans } = props;
  const id = useId();
  const box = useRef<HTMLDivElement>(null);
  const body = useRef<HTMLDivElement>(null);
  const lines = useRef<Lines | null>(null);
  // Kept, since asking the page for it makes it lay out what was changed so far.
  const top = useRef(0);
  const answered = useRef({ filter, order });
  const [size, setSize] = useState({ width: 0, height: 0 });
  const [at, setAt] = useState({ ...START, filter, order });
  // The heading stays where it is when it sorts.
  const active =
    at.filter === filter && (at.order === order || at.row < 0) ? at : START;

  useLayoutEffect(() => {
    const node = box.current;
    if (node === null) {
      return;
    }
    const look = () =>
      setSize({ width: node.clientWidth, height: node.clientHeight });
    look();
    const observer = new ResizeObserver(look);
    observer.observe(node);
    return () => observer.disconnect();
  }, []);
  const shown = useMemo(
    () => places(props.columns, size.width || 900),
    [props.columns, size.width]
  );
  const row = Math.min(active.row, rows.length - 1);
  const column = Math.min(active.column, shown.length);

  useLayoutEffect(() => {
    if (body.current === null) {
      return;
    }
    const made = new Lines(body.current, trans);
    lines.current = made;
    return () => made.dispose();
  }, [trans]);
  useLayoutEffect(() => {
    const look = { id, rows, places: shown, height: size.height };
    const marks = { picked, chosen, active: { row, column } };
    const { current: last } = answered;
    const isNew = last.filter !== filter || last.order !== order;
    answered.current = { filter, order };
    const above = top.current;
    top.current = isNew ? 0 : above;
    lines.current?.show({ ...look, ...marks }, top.current);
    // Last, since it makes the page lay out all that has changed.
    if (box.current !== null && top.current !== above) {
      box.current.scrollTop = top.current;
    }
  }, [
    id,
    rows,
    filter,
    order,
    shown,
    size.height,
    picked,
    chosen,
    row,
    column,
    trans
  ]);

  const move = (toRow: number, toColumn: number) => {
    const next = {
      row: Math.min(Math.max(-1, toRow), rows.length - 1),
      column: Math.min(Math.max(0, toColumn), shown.length)
    };
    setAt({ ...next, filter, order });
    const node = box.current;
    if (node !== null && next.row >= 0) {
      // The heading sticks to the top and covers one line.
      const above = next.row * LINE;
      const below = above + 2 * LINE - size.height;
      const to = Math.max(below, Math.min(top.current, above));
      if (to !== top.current) {
        node.scrollTop = top.current = to;
        lines.current?.draw(to);
      }
      props.onChoose(rows[next.row]);
    }
  };
  const press = () => {
    if (row < 0) {
      if (column > 0) {
        props.onSort(shown[column - 1].column.id);
      }
    } else if (rows[row]) {
      props.onPick(rows[row]);
    }
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const page = Math.max(1, Math.floor(size.height / LINE) - 2);
    const steps: Readonly<Record<string, () => void>> = {
      ArrowDown: () => move(row + 1, column),
      ArrowUp: () => move(row - 1, column),
      ArrowRight: () => move(row, column + 1),
      ArrowLeft: () => move(row, column - 1),
      PageDown: () => move(row + page, column),
      PageUp: () => move(Math.max(0, row - page), column),
      Home: () => (event.ctrlKey ? move(0, 0) : move(row, 0)),
      End: () =>
        event.ctrlKey
          ? move(rows.length - 1, shown.length)
          : move(row, shown.length),
      Enter: press,
      ' ': press
    };
    const step = event.altKey || event.metaKey ? undefined : steps[event.key];
    if (step) {
      event.preventDefault();
      event.stopPropagation();
      step();
    }
  };
  const onClick = (event: MouseEvent) => {
    const cell = lines.current?.at(event.target);
    if (cell) {
      setAt({ ...cell, filter, order });
      props.onChoose(rows[cell.row]);
      if (cell.column === 0) {
        props.onPick(rows[cell.row]);
      }
    }
  };
  const onScroll = (event: UIEvent) => {
    const { scrollTop } = event.currentTarget;
    // Where this went itself is drawn already.
    if (scrollTop !== top.current) {
      top.current = scrollTop;
      lines.current?.draw(scrollTop);
    }
  };
  const onMouseOver = (event: MouseEvent) => {
    const cell = lines.current?.at(event.target);
    if (cell) {
      lines.current?.title(cell);
    }
  };

  return (
    <div
      ref={box}
      className="jp-Continuum-table"
      role="grid"
      tabIndex={0}
      aria-label={trans.__('Offers')}
      aria-rowcount={rows.length + 1}
      aria-colcount={shown.length + 1}
      aria-multiselectable="true"
      aria-activedescendant={`${id}-${row}-${column}`}
      onKeyDown={onKeyDown}
      onClick={onClick}
      onMouseOver={onMouseOver}
      onScroll={onScroll}
    >
      <div className="jp-Continuum-tableHead" role="rowgroup">
        <div role="row" aria-rowindex={1} className="jp-Continuum-tableRow">
          <div
            role="columnheader"
            id={`${id}--1-0`}
            style={{ width: PICK_WIDTH }}
            data-active={row < 0 && column === 0}
          >
            <span className="jp-Continuum-unseen">
              {trans.__('Chosen for the launch')}
            </span>
          </div>
          {shown.map(({ column: each, width }, index) => {
            const on = order.column === each.id;
            return (
              <div
                key={each.id}
                id={`${id}--1-${index + 1}`}
                role="columnheader"
                title={each.hint}
                style={{ width }}
                data-numeric={each.numeric}
                data-active={row < 0 && column === index + 1}
                aria-sort={
                  !on ? 'none' : order.descending ? 'descending' : 'ascending'
                }
                onClick={() => props.onSort(each.id)}
              >
                {each.title}
                <span aria-hidden="true" className="jp-Continuum-tableArrow">
                  {on ? (order.descending ? '▾' : '▴') : ''}
                </span>
              </div>
            );
          })}
        </div>
      </div>
      <div
        ref={body}
        role="rowgroup"
        className="jp-Continuum-tableBody"
        style={{ height: rows.length * LINE }}
      />
    </div>
  );
});
