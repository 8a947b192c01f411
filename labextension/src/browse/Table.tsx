import type { TranslationBundle } from '@jupyterlab/translation';
import {
  type KeyboardEvent,
  memo,
  useId,
  useLayoutEffect,
  useMemo,
  useRef,
  useState
} from 'react';

import {
  access,
  fitting,
  type ICell,
  type IColumn,
  type IOrder
} from './columns';
import type { IRow } from './rows';

const LINE = 30;
/** Rows drawn beyond what is seen, so that scrolling shows no gaps. */
const SPARE = 8;
const PICK_WIDTH = 34;
const SCROLLBAR = 18;

export interface ITableProps {
  readonly rows: readonly IRow[];
  readonly columns: readonly IColumn[];
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
export function Table(props: ITableProps): JSX.Element {
  const { rows, order, picked, chosen, trans } = props;
  const id = useId();
  const box = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  const [top, setTop] = useState(0);
  // Row -1 is the heading.
  const [active, setActive] = useState({ row: 0, column: 1 });

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
  useLayoutEffect(() => {
    box.current?.scrollTo({ top: 0 });
    setActive({ row: 0, column: 1 });
  }, [rows]);

  const room = size.width || 900;
  const columns = useMemo(
    () => fitting(props.columns, room - PICK_WIDTH - SCROLLBAR),
    [props.columns, room]
  );
  const template = useMemo(
    () =>
      [
        `${PICK_WIDTH}px`,
        ...columns.map(column =>
          ['site', 'gpu', 'jurisdiction'].includes(column.id)
            ? `minmax(${column.width}px, ${column.width}fr)`
            : `${column.width}px`
        )
      ].join(' '),
    [columns]
  );

  const first = Math.max(0, Math.floor(top / LINE) - SPARE);
  const last = Math.min(
    rows.length,
    Math.ceil((top + size.height) / LINE) + SPARE
  );
  // A slot keeps its elements when another row moves into it: far quicker than new ones.
  const slots = Math.ceil(size.height / LINE) + 2 * SPARE + 2;
  const row = Math.min(active.row, rows.length - 1);
  const column = Math.min(active.column, columns.length);

  const move = (toRow: number, toColumn: number) => {
    const next = {
      row: Math.min(Math.max(-1, toRow), rows.length - 1),
      column: Math.min(Math.max(0, toColumn), columns.length)
    };
    setActive(next);
    const node = box.current;
    if (node !== null && next.row >= 0) {
      // The heading sticks to the top and covers one line.
      const above = next.row * LINE;
      const below = above + 2 * LINE - node.clientHeight;
      const to = Math.max(below, Math.min(node.scrollTop, above));
      if (to !== node.scrollTop) {
        node.scrollTop = to;
        setTop(to);
      }
      props.onChoose(rows[next.row]);
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
          ? move(rows.length - 1, columns.length)
          : move(row, columns.length),
      Enter: () => press(),
      ' ': () => press()
    };
    const step = event.altKey || event.metaKey ? undefined : steps[event.key];
    if (step) {
      event.preventDefault();
      event.stopPropagation();
      step();
    }
  };
  const press = () => {
    if (row < 0) {
      if (column > 0) {
        props.onSort(columns[column - 1].id);
      }
    } else if (rows[row]) {
      props.onPick(rows[row]);
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
      aria-colcount={columns.length + 1}
      aria-multiselectable="true"
      aria-activedescendant={`${id}-${row}-${column}`}
      onKeyDown={onKeyDown}
      onScroll={event => setTop(event.currentTarget.scrollTop)}
    >
      <div className="jp-Continuum-tableHead" role="rowgroup">
        <div
          role="row"
          aria-rowindex={1}
          className="jp-Continuum-tableRow"
          style={{ gridTemplateColumns: template }}
        >
          <div
            role="columnheader"
            id={`${id}--1-0`}
            data-active={row < 0 && column === 0}
            aria-label={trans.__('Chosen for the launch')}
          />
          {columns.map((each, index) => {
            const on = order.column === each.id;
            return (
              <div
                key={each.id}
                id={`${id}--1-${index + 1}`}
                role="columnheader"
                title={each.hint}
                data-numeric={each.numeric}
                data-active={row < 0 && column === index + 1}
                aria-sort={
                  !on ? 'none' : order.descending ? 'descending' : 'ascending'
                }
                onClick={() => props.onSort(each.id)}
              >
                <span>{each.title}</span>
                <span aria-hidden="true" className="jp-Continuum-tableArrow">
                  {on ? (order.descending ? '▾' : '▴') : ''}
                </span>
              </div>
            );
          })}
        </div>
      </div>
      <div
        role="rowgroup"
        className="jp-Continuum-tableBody"
        style={{ height: rows.length * LINE }}
      >
        {rows.slice(first, last).map((each, index) => (
          <Row
            key={(first + index) % slots}
            id={id}
            row={each}
            index={first + index}
            columns={columns}
            template={template}
            picked={picked.has(each.id)}
            chosen={chosen === each.id}
            active={first + index === row ? column : -1}
            trans={trans}
            onChoose={props.onChoose}
            onPick={props.onPick}
            onActivate={setActive}
          />
        ))}
      </div>
    </div>
  );
}

interface IRowProps {
  readonly id: string;
  readonly row: IRow;
  readonly index: number;
  readonly columns: readonly IColumn[];
  readonly template: string;
  readonly picked: boolean;
  readonly chosen: boolean;
  /** The active cell, or -1. */
  readonly active: number;
  readonly trans: TranslationBundle;
  readonly onChoose: (row: IRow) => void;
  readonly onPick: (row: IRow) => void;
  readonly onActivate: (cell: { row: number; column: number }) => void;
}

const Row = memo(function Row(props: IRowProps): JSX.Element {
  const { id, row, index, columns, picked, active, trans } = props;
  const { offer } = row;
  const choose = (column: number) => {
    props.onActivate({ row: index, column });
    props.onChoose(row);
  };
  return (
    <div
      role="row"
      className="jp-Continuum-tableRow"
      data-offer={offer.id}
      data-chosen={props.chosen}
      aria-rowindex={index + 2}
      aria-selected={picked}
      style={{
        gridTemplateColumns: props.template,
        transform: `translateY(${index * LINE}px)`
      }}
    >
      <div
        role="gridcell"
        id={`${id}-${index}-0`}
        className="jp-Continuum-tablePick"
        data-active={active === 0}
        title={
          offer.launchable
            ? picked
              ? trans.__('Take %1 out of the launch', offer.id)
              : trans.__('Add %1 to the launch', offer.id)
            : offer.reason || trans.__('This offer cannot be launched.')
        }
        aria-label={
          !offer.launchable
            ? trans.__('cannot be launched')
            : picked
              ? trans.__('chosen')
              : trans.__('not chosen')
        }
        aria-disabled={offer.launchable ? undefined : true}
        onClick={() => {
          choose(0);
          props.onPick(row);
        }}
      >
        {(offer.launchable || picked) && (
          <span className="jp-Continuum-box" data-on={picked} aria-hidden>
            {picked ? '✓' : ''}
          </span>
        )}
      </div>
      {columns.map((column, at) => (
        <div
          key={column.id}
          role="gridcell"
          id={`${id}-${index}-${at + 1}`}
          data-numeric={column.numeric}
          data-active={active === at + 1}
          onClick={() => choose(at + 1)}
        >
          {column.id === 'site' ? (
            <Name row={row} />
          ) : column.id === 'access' ? (
            <>
              <AccessDot of={access(row)} />
              <Value cell={column.cell(row)} trans={trans} />
            </>
          ) : (
            <Value cell={column.cell(row)} trans={trans} />
          )}
        </div>
      ))}
    </div>
  );
});

function Name({ row }: { readonly row: IRow }): JSX.Element {
  return (
    <span title={row.id}>
      <b>{row.site.name}</b>{' '}
      <span className="jp-Continuum-code">
        {row.id.slice(row.id.indexOf('/') + 1)}
      </span>
    </span>
  );
}

const TONES = {
  ready: 'good',
  'sign-in': 'attention',
  connect: 'none',
  closed: 'quiet',
  unknown: 'bad'
} as const;

export function AccessDot(props: {
  readonly of: keyof typeof TONES;
}): JSX.Element {
  return (
    <span
      className="jp-Continuum-dot"
      data-tone={TONES[props.of]}
      aria-hidden="true"
    />
  );
}

/** A value, and in words for who does not see it how sure it is. */
export function Value(props: {
  readonly cell: ICell;
  readonly trans: TranslationBundle;
}): JSX.Element {
  const { cell, trans } = props;
  const words = {
    known: '',
    estimated: trans.__('estimated'),
    unverified: trans.__('unverified'),
    unknown: trans.__('unknown'),
    none: trans.__('none')
  }[cell.certainty];
  return (
    <span
      className="jp-Continuum-value"
      data-certainty={cell.certainty}
      title={words ? `${cell.text} (${words})` : cell.text}
    >
      {cell.text}
      {words && <span className="jp-Continuum-unseen"> {words}</span>}
    </span>
  );
}
