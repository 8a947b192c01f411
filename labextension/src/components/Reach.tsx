import { caretDownIcon, caretRightIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import { useId, useState } from 'react';

import * as format from '../format';
import type { IReach, IReachRow, ISite } from '../wire';
import { usePanel } from './context';
import { Sentence } from './Sentence';

const MARKS: Readonly<Record<string, string>> = {
  works: '✓',
  fails: '✗',
  unknown: '–',
  fact: '·'
};

/** What works at a connected site, as a probe measured it there. */
export function Reach({ site }: { readonly site: ISite }): JSX.Element {
  const { trans } = usePanel();
  const [open, setOpen] = useState(false);
  const body = useId();
  const reach = site.reach;
  const Caret = open ? caretDownIcon : caretRightIcon;
  return (
    <section
      className="jp-Continuum-reach"
      aria-label={trans.__('What works at %1', site.name)}
    >
      <h4 className="jp-Continuum-reachTitle">
        {reach ? (
          <button
            type="button"
            aria-expanded={open}
            aria-controls={body}
            onClick={() => setOpen(!open)}
          >
            <Caret.react tag="span" className="jp-Continuum-caret" />
            <span>{trans.__('What works here')}</span>
            <Tally rows={reach.rows} />
          </button>
        ) : (
          <span>{trans.__('What works here')}</span>
        )}
      </h4>
      <p className="jp-Continuum-reachChosen">
        {reach ? (
          <Sentence text={reach.chosen} />
        ) : (
          trans.__(
            'Not measured yet. A job of at most 2 minutes tells how workers can be reached, and what a node has.'
          )
        )}
      </p>
      {reach && (
        <div id={body} hidden={!open}>
          {open && <Rows reach={reach} />}
        </div>
      )}
      <Foot site={site} />
    </section>
  );
}

/** `6 ✓ 3 ✗`: how much works and how much does not. */
function Tally({ rows }: { readonly rows: readonly IReachRow[] }): JSX.Element {
  const { trans } = usePanel();
  const count = (verdict: string) =>
    rows.filter(row => row.verdict === verdict).length;
  const works = count('works');
  const fails = count('fails');
  return (
    <span className="jp-Continuum-reachTally">
      <span aria-hidden="true">
        <span data-verdict="works">{`${works} ${MARKS.works}`}</span>{' '}
        <span data-verdict="fails">{`${fails} ${MARKS.fails}`}</span>
      </span>
      <span className="jp-Continuum-spoken">
        {trans.__('%1 work, %2 do not', works, fails)}
      </span>
    </span>
  );
}

function Rows({ reach }: { readonly reach: IReach }): JSX.Element {
  const { trans } = usePanel();
  return (
    <ul
      className="jp-Continuum-reachRows"
      aria-label={trans.__('What was measured')}
    >
      {reach.rows.map(row => (
        <Row key={row.what} row={row} usual={reach.measured} />
      ))}
    </ul>
  );
}

/** One thing, its mark, what was found, and why it does not work. */
function Row(props: {
  readonly row: IReachRow;
  /** The day that most rows are of: only another one is worth a word. */
  readonly usual: string;
}): JSX.Element {
  const { trans } = usePanel();
  const { row, usual } = props;
  const other = row.measured !== null && row.measured !== usual;
  return (
    <li className="jp-Continuum-reachRow" data-verdict={row.verdict}>
      <span className="jp-Continuum-reachMark" aria-hidden="true">
        {MARKS[row.verdict] ?? MARKS.unknown}
      </span>
      <span className="jp-Continuum-reachWhat">
        {row.what}
        <span className="jp-Continuum-spoken">
          {spoken(row.verdict, trans)}
        </span>
      </span>
      {row.found && (
        <span className="jp-Continuum-reachFound">{row.found}</span>
      )}
      {row.reason && (
        <span className="jp-Continuum-reachReason">
          <Sentence text={row.reason} />
        </span>
      )}
      {other && (
        <span className="jp-Continuum-reachReason">
          {trans.__('Measured %1', format.day(row.measured ?? ''))}
        </span>
      )}
    </li>
  );
}

/** The mark for those who do not see it. */
function spoken(verdict: string, trans: TranslationBundle): string {
  switch (verdict) {
    case 'works':
      return trans.__(': works.');
    case 'fails':
      return trans.__(': does not work.');
    case 'fact':
      return ': ';
    default:
      return trans.__(': unknown.');
  }
}

/** When and where it was measured, and a way to measure; how far, while it is. */
function Foot({ site }: { readonly site: ISite }): JSX.Element {
  const { model, actions, trans } = usePanel();
  const reach = site.reach;
  const progress = site.probing || model.busy.get(`probe:${site.id}`);
  if (progress) {
    return (
      <p className="jp-Continuum-reachFoot">
        <span className="jp-Continuum-wait" role="status">
          <span className="jp-Continuum-spinner" aria-hidden="true" />
          {progress}
        </span>
        <button
          type="button"
          className="jp-Continuum-textButton"
          aria-label={trans.__('Stop measuring at %1', site.name)}
          onClick={() => actions.cancelProbe(site)}
        >
          {trans.__('Stop')}
        </button>
      </p>
    );
  }
  return (
    <p className="jp-Continuum-reachFoot">
      {reach && (
        <span className="jp-Continuum-reachWhen">
          {trans.__(
            'Measured %1 on %2',
            format.day(reach.measured),
            reach.node || reach.offer
          )}
        </span>
      )}
      <button
        type="button"
        className="jp-Continuum-textButton"
        disabled={site.state !== 'ready'}
        aria-label={
          reach
            ? trans.__('Measure again what works at %1', site.name)
            : trans.__('Measure what works at %1', site.name)
        }
        onClick={() => actions.probe(site)}
      >
        {reach ? trans.__('Measure again') : trans.__('Measure')}
      </button>
    </p>
  );
}
