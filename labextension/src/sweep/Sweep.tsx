import type { TranslationBundle } from '@jupyterlab/translation';
import { useEffect, useMemo, useReducer, useState } from 'react';

import { Sentence } from '../components/Sentence';
import * as format from '../format';
import type { ISweepRow, ISweepView } from '../wire';
import { Grid } from './Grid';
import type { SweepModel } from './model';
import { StatusDot } from './StatusDot';
import * as table from './table';

export interface ISweepProps {
  readonly model: SweepModel;
  readonly trans: TranslationBundle;
  readonly open: (row: ISweepRow) => void;
}

/** A sweep: how far it is, and all its runs. */
export function Sweep(props: ISweepProps): JSX.Element {
  const { model, trans } = props;
  const [, again] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    model.stateChanged.connect(again);
    again();
    return () => {
      model.stateChanged.disconnect(again);
    };
  }, [model]);
  const { rows, trouble, view } = model;
  return (
    <>
      {trouble && (
        <p className="jp-Continuum-notice" data-tone="bad" role="alert">
          <span>
            <Sentence text={trouble} />
          </span>
        </p>
      )}
      {view === null ? (
        !trouble && (
          <p className="jp-Continuum-hint">
            <span className="jp-Continuum-spinner" />
            {trans.__('Reading the sweep…')}
          </p>
        )
      ) : (
        <Filled {...props} rows={rows} view={view} />
      )}
    </>
  );
}

function Filled(
  props: ISweepProps & {
    readonly rows: readonly ISweepRow[];
    readonly view: ISweepView;
  }
): JSX.Element {
  const { open, rows, trans, view } = props;
  const [status, setStatus] = useState('');
  const [text, setText] = useState('');
  const [order, setOrder] = useState<table.IOrder>({
    key: 'run',
    descending: false
  });
  const [active, setActive] = useState<number | null>(null);
  const counts = useMemo(() => table.countsOf(rows), [rows]);
  const chosen = status && counts.has(status) ? status : '';
  const columns = useMemo(() => {
    const found = table.columnsOf(view, rows, trans);
    return table.FAILED.includes(chosen) ? table.reasonFirst(found) : found;
  }, [rows, trans, view, chosen]);
  const shown = useMemo(
    () =>
      table.sorted(table.filtered(rows, columns, chosen, text), columns, order),
    [rows, columns, chosen, text, order]
  );
  const row = active === null ? undefined : rows[active - 1];
  return (
    <>
      <Header counts={counts} trans={trans} view={view} />
      <div className="jp-Continuum-sweepTools">
        <div
          className="jp-Continuum-sweepStatuses"
          role="group"
          aria-label={trans.__('Runs of this status only')}
        >
          <Chip
            count={rows.length}
            label={trans.__('All')}
            pressed={!chosen}
            onClick={() => setStatus('')}
          />
          {table.STATUSES.filter(it => counts.has(it)).map(it => (
            <Chip
              key={it}
              count={counts.get(it) ?? 0}
              label={table.statusWord(it, trans)}
              pressed={chosen === it}
              status={it}
              onClick={() => setStatus(chosen === it ? '' : it)}
            />
          ))}
        </div>
        <input
          className="jp-Continuum-input jp-Continuum-sweepSearch"
          type="search"
          placeholder={trans.__('Filter by text')}
          aria-label={trans.__('Filter runs by text')}
          value={text}
          onChange={event => setText(event.target.value)}
        />
        <span className="jp-Continuum-sweepShown" role="status">
          {shown.length === rows.length
            ? ''
            : trans.__(
                '%1 of %2 shown',
                format.count(shown.length),
                format.count(rows.length)
              )}
        </span>
      </div>
      <Grid
        active={active}
        columns={columns}
        label={trans.__('Runs of %1', view.notebook)}
        onActive={setActive}
        onOpen={open}
        onOrder={setOrder}
        order={order}
        rows={shown}
        trans={trans}
      />
      {row && <Chosen columns={columns} open={open} row={row} trans={trans} />}
    </>
  );
}

function Header(props: {
  readonly counts: ReadonlyMap<string, number>;
  readonly trans: TranslationBundle;
  readonly view: ISweepView;
}): JSX.Element {
  const { counts, trans, view } = props;
  const running = counts.get('running') ?? 0;
  const completed = counts.get('completed') ?? 0;
  const failed = table.FAILED.reduce(
    (sum, status) => sum + (counts.get(status) ?? 0),
    0
  );
  const missing = view.total - view.ended;
  const said = [
    trans.__(
      '%1 of %2 runs',
      format.count(view.ended),
      format.count(view.total)
    ),
    failed && trans.__('%1 failed', format.count(failed)),
    running && trans.__('%1 running', format.count(running)),
    view.left && trans.__('about %1 left', view.left)
  ]
    .filter(Boolean)
    .join(', ');
  const fixed = Object.entries(view.fixed);
  return (
    <header className="jp-Continuum-sweepHeader">
      <h2>
        <span className="jp-Continuum-sweepName">{view.notebook}</span>
        <State missing={missing} trans={trans} view={view} running={running} />
      </h2>
      <p className="jp-Continuum-sweepProgress">{said}</p>
      <div
        className="jp-Continuum-sweepBar"
        role="progressbar"
        aria-label={trans.__('Progress of the sweep')}
        aria-valuemin={0}
        aria-valuemax={view.total}
        aria-valuenow={view.ended}
        aria-valuetext={said}
      >
        <Part count={completed} of={view.total} tone="good" />
        <Part count={failed} of={view.total} tone="bad" />
        <Part count={running} of={view.total} tone="busy" />
      </div>
      {!view.going && missing > 0 && (
        <p className="jp-Continuum-of">
          {trans._n(
            '%1 run is missing. The same command runs it.',
            '%1 runs are missing. The same command runs them.',
            missing,
            format.count(missing)
          )}
        </p>
      )}
      {fixed.length > 0 && (
        <p className="jp-Continuum-of jp-Continuum-sweepFixed">
          {trans.__('In every run:')}{' '}
          {fixed.map(([name, value]) => (
            <code key={name}>
              {name} = {table.cellText(value)}
            </code>
          ))}
        </p>
      )}
    </header>
  );
}

function State(props: {
  readonly missing: number;
  readonly running: number;
  readonly trans: TranslationBundle;
  readonly view: ISweepView;
}): JSX.Element {
  const { missing, running, trans, view } = props;
  const [tone, word] = view.going
    ? running
      ? ['busy', trans.__('Running')]
      : ['busy', trans.__('Starting or ending')]
    : missing
      ? ['attention', trans.__('Stopped')]
      : ['good', trans.__('Done')];
  return (
    <span className="jp-Continuum-sweepState">
      <span className="jp-Continuum-dot" data-tone={tone} aria-hidden="true" />
      {word}
    </span>
  );
}

function Part(props: {
  readonly count: number;
  readonly of: number;
  readonly tone: string;
}): JSX.Element | null {
  const { count, of, tone } = props;
  return count ? (
    <span data-tone={tone} style={{ width: `${(100 * count) / of}%` }} />
  ) : null;
}

function Chip(props: {
  readonly count: number;
  readonly label: string;
  readonly onClick: () => void;
  readonly pressed: boolean;
  readonly status?: string;
}): JSX.Element {
  return (
    <button
      type="button"
      className="jp-Continuum-sweepChip"
      aria-pressed={props.pressed}
      onClick={props.onClick}
    >
      {props.status && <StatusDot status={props.status} />}
      {props.label}{' '}
      <span className="jp-Continuum-of">{format.count(props.count)}</span>
    </button>
  );
}

/** The run that is chosen, with its sentence in full. */
function Chosen(props: {
  readonly columns: readonly table.IColumn[];
  readonly open: (row: ISweepRow) => void;
  readonly row: ISweepRow;
  readonly trans: TranslationBundle;
}): JSX.Element {
  const { columns, open, row, trans } = props;
  const values = columns.filter(
    ({ key }) => key.startsWith('params.') || key.startsWith('outputs.')
  );
  return (
    <section
      className="jp-Continuum-sweepChosen"
      aria-label={trans.__('Run %1', row.run)}
    >
      <div>
        <h3>
          {trans.__('Run %1', row.run)}
          <span className="jp-Continuum-sweepState">
            <StatusDot status={row.status} />
            {table.statusWord(row.status, trans)}
          </span>
        </h3>
        <p className="jp-Continuum-sweepFixed">
          {values
            .filter(column => column.value(row) !== null)
            .map(column => (
              <code key={column.key}>
                {column.label} = {column.text(row)}
              </code>
            ))}
        </p>
        {row.error && <p className="jp-Continuum-sweepError">{row.error}</p>}
      </div>
      <button
        type="button"
        className="jp-Continuum-button"
        disabled={row.status === 'waiting'}
        onClick={() => open(row)}
      >
        {trans.__('Open Notebook')}
      </button>
    </section>
  );
}
