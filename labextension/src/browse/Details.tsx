import type { TranslationBundle } from '@jupyterlab/translation';

import * as format from '../format';
import { memo } from 'react';

import type { IAmount, IClaim, IOffer, ISite, IWait } from '../wire';
import { Sentence } from '../components/Sentence';
import { isConnected } from '../select';
import { access } from './access';
import type { ICell, IColumn } from './columns';
import type { IRow } from './rows';
import { Claimed } from './Claimed';
import { useClaims } from './useClaims';
import { AccessDot, Value } from './Value';

/** Everything that is known of one offer: each value, how it is known, from whom and of when. */
export const Details = memo(function Details(props: {
  readonly row: IRow | null;
  readonly columns: readonly IColumn[];
  readonly trans: TranslationBundle;
  readonly onConnect: (site: ISite) => void;
  readonly claims: (offer: string) => Promise<readonly IClaim[]>;
}): JSX.Element {
  const { row, trans } = props;
  const told = useClaims(row?.offer ?? null, props.claims);
  if (row === null) {
    return (
      <aside
        className="jp-Continuum-details"
        aria-label={trans.__('Details of the offer')}
      >
        <p className="jp-Continuum-hint">
          {trans.__(
            'Choose a row to see every value with its source and date.'
          )}
        </p>
      </aside>
    );
  }
  const { offer, site } = row;
  return (
    <aside
      className="jp-Continuum-details"
      tabIndex={0}
      aria-label={trans.__('Details of the offer')}
    >
      <h3>
        {site.name}{' '}
        <span className="jp-Continuum-code">
          {row.id.slice(row.id.indexOf('/') + 1)}
        </span>
      </h3>
      <p>
        <AccessDot of={access(row)} />{' '}
        <Sentence
          text={offer.reason || site.reason || trans.__('Ready to launch.')}
        />
      </p>
      <p className="jp-Continuum-detailsLinks">
        {site.state === 'catalogued' && (
          <button
            type="button"
            className="jp-Continuum-button"
            onClick={() => props.onConnect(site)}
          >
            {trans.__('Connect…')}
          </button>
        )}
        {site.docs && /^https?:/.test(site.docs) && (
          <a href={site.docs} target="_blank" rel="noreferrer noopener">
            {isConnected(site)
              ? trans.__('Documentation')
              : trans.__('How to get access')}
          </a>
        )}
      </p>
      <dl>
        {props.columns
          .filter(column => !['site', 'access'].includes(column.id))
          .map(column => (
            <div key={column.id}>
              <dt title={column.hint}>{column.name}</dt>
              <dd>
                <Value cell={column.cell(row)} trans={trans} />
                <small>{origin(column, row, trans)}</small>
                {(FIELDS[column.id] ?? []).map(field => (
                  <Claimed
                    key={field}
                    claims={told.claims.filter(it => it.field === field)}
                    trans={trans}
                  />
                ))}
              </dd>
            </div>
          ))}
        {MORE.filter(field => told.claims.some(it => it.field === field)).map(
          field => (
            <div key={field}>
              <dt>{nameOf(field, trans)}</dt>
              <dd>
                <Claimed
                  claims={told.claims.filter(it => it.field === field)}
                  withValue
                  trans={trans}
                />
              </dd>
            </div>
          )
        )}
      </dl>
      {told.trouble && (
        <p role="alert">
          {trans.__('Sources are not known now: %1', told.trouble)}
        </p>
      )}
    </aside>
  );
});

const AMOUNTS: Readonly<Record<string, (offer: IOffer) => IAmount | IWait>> = {
  wait: offer => offer.wait,
  price: offer =>
    offer.price_eur.value === null && offer.units.value !== null
      ? offer.units
      : offer.price_eur,
  left: offer => offer.left,
  carbon: offer => offer.carbon_g
};
const LIVE = ['free', 'pending'];
/** The fields that a column shows. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  country: ['country'],
  gpu: ['gpu_model', 'gpus_per_node'],
  memory: ['gpu_memory_gb'],
  architecture: ['cpu_architecture'],
  billing: ['whole_node'],
  jurisdiction: ['jurisdiction']
};
/** What no column shows. */
const MORE = [
  'nodes_total',
  'cpus_per_node',
  'memory_gb_per_node',
  'max_walltime_minutes',
  'max_nodes'
];

function nameOf(field: string, trans: TranslationBundle): string {
  switch (field) {
    case 'nodes_total':
      return trans.__('Nodes');
    case 'cpus_per_node':
      return trans.__('Cores of a node');
    case 'memory_gb_per_node':
      return trans.__('GB of a node');
    case 'max_walltime_minutes':
      return trans.__('Longest job');
    default:
      return trans.__('Most nodes of a job');
  }
}

/** Who says so, and when; for what is unknown why. */
function origin(column: IColumn, row: IRow, trans: TranslationBundle): string {
  const amount = AMOUNTS[column.id]?.(row.offer);
  if (amount) {
    return [
      amount.reason,
      amount.kind === 'unknown' ? '' : amount.kind,
      amount.source,
      amount.date,
      'record' in amount ? amount.record : ''
    ]
      .filter(Boolean)
      .join(' · ');
  }
  return LIVE.includes(column.id)
    ? seen(column.cell(row), row.offer, trans)
    : '';
}

function seen(cell: ICell, offer: IOffer, trans: TranslationBundle): string {
  if (offer.observed === null) {
    return trans.__('The site has not been asked.');
  }
  const when = format.clock(offer.observed);
  return cell.certainty === 'unknown'
    ? trans.__('The site did not say, asked at %1.', when)
    : trans.__('measured · the site itself · %1', when);
}
