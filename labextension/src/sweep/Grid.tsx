import type { TranslationBundle } from '@jupyterlab/translation';
import {
  type KeyboardEvent,
  useEffect,
  useId,
  useLayoutEffect,
  useRef,
  useState
} from 'react';

import type { ISweepRow } from '../wire';
import { StatusDot } from './StatusDot';
import type { IColumn, IOrder } from './table';

const ROW_PX = 28;
const HEADER_PX = 30;
/** Rows beyond both edges, so that scrolling meets no gap. */
const BEYOND = 12;

export interface IGridProps {
  /** Number of the run that is chosen. */
  readonly active: number | null;
  readonly columns: readonly IColumn[];
  readonly label: string;
  readonly onActive: (run: number) => void;
  readonly onOpen: (row: ISweepRow) => void;
  readonly onOrder: (order: IOrder) => void;
  readonly order: IOrder;
  readonly rows: readonly ISweepRow[];
  readonly trans: TranslationBundle;
}

/** The runs; of ten thousand only those in sight are in the page. */
export function Grid(props: IGridProps): JSX.Element {
  const { active, columns, label, onActive, onOpen, rows, trans } = props;
  const id = useId();
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(600);

  useLayoutEffect(() => {
    const node = box.current;
    if (node === null) {
      return;
    }
    const observer = new ResizeObserver(() => setHeight(node.clientHeight));
    observer.observe(node);
    return () => observer.disconnect();
  }, []);

  // Fewer rows than before may end above what was in sight.
  useEffect(() => {
    setTop(box.current?.scrollTop ?? 0);
  }, [rows.length]);

  const at = rows.findIndex(row => row.run === active);
  const first = Math.max(0, Math.floor(top / ROW_PX) - BEYOND);
  const last = Math.min(
    rows.length,
    Math.ceil((top + height) / ROW_PX) + BEYOND
  );
  const page = Math.max(1, Math.floor((height - HEADER_PX) / ROW_PX) - 1);

  const choose = (to: number) => {
    const index = Math.min(rows.length - 1, Math.max(0, to));
    if (!rows.length) {
      return;
    }
    onActive(rows[index].run);
    const node = box.current;
    if (node !== null) {
      const start = index * ROW_PX;
      const seen = node.clientHeight - HEADER_PX - ROW_PX;
      const scroll = Math.min(start, Math.max(start - seen, node.scrollTop));
      node.scrollTop = scroll;
      setTop(scroll);
    }
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.target !== box.current || event.ctrlKey || event.metaKey) {
      return;
    }
    const moves: Readonly<Record<string, number>> = {
      ArrowDown: at + 1,
      ArrowUp: at < 0 ? 0 : at - 1,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: rows.length - 1
    };
    if (event.key in moves) {
      event.preventDefault();
      choose(moves[event.key]);
    } else if (event.key === 'Enter' && at >= 0) {
      event.preventDefault();
      openable(rows[at]) && onOpen(rows[at]);
    }
  };

  const template = columns
    .map((column, index) =>
      index === columns.length - 1
        ? `minmax(${column.width}px, 1fr)`
        : `${column.width}px`
    )
    .join(' ');
  const width = columns.reduce((sum, column) => sum + column.width, 0);
  const ofRow = { gridTemplateColumns: template, minWidth: width };
  return (
    <div
      ref={box}
      className="jp-Continuum-grid"
      role="grid"
      tabIndex={0}
      aria-label={label}
      aria-rowcount={rows.length + 1}
      aria-colcount={columns.length}
      aria-activedescendant={
        at >= first && at < last ? `${id}${rows[at].run}` : undefined
      }
      onKeyDown={onKeyDown}
      onScroll={event => setTop(event.currentTarget.scrollTop)}
    >
      <div
        className="jp-Continuum-gridRow jp-Continuum-gridHead"
        role="row"
        aria-rowindex={1}
        style={ofRow}
      >
        {columns.map(column => (
          <Head key={column.key} column={column} {...props} />
        ))}
      </div>
      <div
        className="jp-Continuum-gridBody"
        role="rowgroup"
        style={{ height: rows.length * ROW_PX, minWidth: width }}
      >
        {rows.slice(first, last).map((row, index) => (
          <div
            key={row.run}
            id={`${id}${row.run}`}
            className="jp-Continuum-gridRow"
            role="row"
            aria-rowindex={first + index + 2}
            aria-selected={row.run === active}
            data-status={row.status}
            style={{ ...ofRow, top: (first + index) * ROW_PX }}
            onClick={() => onActive(row.run)}
            onDoubleClick={() => openable(row) && onOpen(row)}
          >
            {columns.map(column => (
              <Cell key={column.key} column={column} row={row} {...props} />
            ))}
          </div>
        ))}
      </div>
      {!rows.length && (
        <p className="jp-Continuum-hint">{trans.__('No run is like that.')}</p>
      )}
    </div>
  );
}

/** One that waits has no notebook yet. */
function openable(row: ISweepRow): boolean {
  return row.status !== 'waiting';
}

function Head(props: IGridProps & { readonly column: IColumn }): JSX.Element {
  const { column, onOrder, order } = props;
  const by = order.key === column.key;
  return (
    <div
      role="columnheader"
      data-numeric={column.numeric}
      aria-sort={
        by ? (order.descending ? 'descending' : 'ascending') : undefined
      }
    >
      <button
        type="button"
        title={column.key}
        onClick={() =>
          onOrder({ key: column.key, descending: by && !order.descending })
        }
      >
        <span>{column.label}</span>
        <span className="jp-Continuum-gridArrow" aria-hidden="true">
          {by ? (order.descending ? '▼' : '▲') : ''}
        </span>
      </button>
    </div>
  );
}

function Cell(
  props: IGridProps & { readonly column: IColumn; readonly row: ISweepRow }
): JSX.Element {
  const { column, onOpen, row, trans } = props;
  const text = column.text(row);
  if (column.key === 'run') {
    return (
      <div role="rowheader" data-numeric>
        {openable(row) ? (
          <button
            type="button"
            className="jp-Continuum-textButton"
            tabIndex={-1}
            aria-label={trans.__('Open the notebook of run %1', row.run)}
            onClick={() => onOpen(row)}
          >
            {text}
          </button>
        ) : (
          text
        )}
      </div>
    );
  }
  return (
    <div role="gridcell" data-numeric={column.numeric} title={text}>
      {column.key === 'status' && <StatusDot status={row.status} />}
      <span>{text}</span>
    </div>
  );
}
