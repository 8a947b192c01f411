import type { TranslationBundle } from '@jupyterlab/translation';
import { useCallback, useLayoutEffect, useMemo, useRef, useState } from 'react';

import { useModel } from '../components/useModel';
import type { IContinuumModel } from '../tokens';
import type { ISite } from '../wire';
import { columns as allColumns } from './columns';
import { Details } from './Details';
import { EuropeMap } from './EuropeMap';
import { Filters } from './Filters';
import { type IOrder, sorted } from './order';
import { find, type IFilter, type IRow, NO_FILTER, rowsOf } from './rows';
import type { SavedFilters } from './saved';
import { Table } from './Table';

/** Pixels from which on there is room for the map beside table and details. */
const WIDE = 1250;

export interface IBrowseProps {
  readonly model: IContinuumModel;
  readonly saved: SavedFilters | null;
  readonly trans: TranslationBundle;
  readonly connect: (site: ISite) => void;
  /** Show the launch form, which the chosen offers are in. */
  readonly openLaunch: () => void;
}

/** All of the catalogue's offers: filter, sort, look, choose. */
export function Browse(props: IBrowseProps): JSX.Element {
  const { model, trans } = props;
  useModel(model);
  const [filter, setFilter] = useState<IFilter>(NO_FILTER);
  const [order, setOrder] = useState<IOrder>({
    column: 'access',
    descending: false
  });
  const [chosen, setChosen] = useState<string | null>(null);
  const body = useRef<HTMLDivElement>(null);
  // null: as there is room for it.
  const [mapWanted, setMapWanted] = useState<boolean | null>(null);
  const [wide, setWide] = useState(false);
  const mapShown = mapWanted ?? wide;

  const columns = useMemo(() => allColumns(trans), [trans]);
  const rows = useMemo(() => rowsOf(model.sites), [model.sites]);
  // Sorted once, so that a key press in the filter only has to leave rows out.
  const inOrder = useMemo(() => {
    const column = columns.find(each => each.id === order.column);
    return column ? sorted(rows, column, order.descending) : rows;
  }, [rows, columns, order]);
  const found = useMemo(() => find(inOrder, filter), [inOrder, filter]);
  const picked = useMemo(
    () => new Set(model.picks.map(pick => pick.offer)),
    [model.picks]
  );
  const row = useMemo(
    () => rows.find(each => each.id === chosen) ?? null,
    [rows, chosen]
  );

  // On the map a site is found whether or not another is chosen there.
  // In whatever order, so a sort leaves the map as it is.
  const { site } = filter;
  const foundSites = useMemo(() => {
    const anySite = site ? find(rows, { ...filter, site: '' }) : found;
    return new Set(anySite.rows.map(each => each.site));
  }, [rows, filter]);
  const alone = site ? model.sites.find(each => each.id === site) : undefined;

  useLayoutEffect(() => {
    const node = body.current;
    if (node === null) {
      return;
    }
    const look = () => setWide(node.clientWidth >= WIDE);
    look();
    const observer = new ResizeObserver(look);
    observer.observe(node);
    return () => observer.disconnect();
  }, []);
  const onSite = useCallback(
    (to: string) =>
      setFilter(now => ({ ...now, site: now.site === to ? '' : to })),
    []
  );
  const onSort = useCallback(
    (column: string) =>
      setOrder(now => ({
        column,
        descending: now.column === column && !now.descending
      })),
    []
  );
  const onChoose = useCallback((to: IRow) => setChosen(to.id), []);
  const claims = useCallback((offer: string) => model.claims(offer), [model]);
  const onPick = useCallback(
    (to: IRow) => {
      if (
        to.offer.launchable ||
        model.picks.some(pick => pick.offer === to.id)
      ) {
        model.toggle(to.id);
      }
    },
    [model]
  );

  return (
    <>
      <Filters
        filter={filter}
        rows={rows}
        siteName={alone?.name ?? site}
        mapShown={mapShown}
        saved={props.saved}
        trans={trans}
        onChange={setFilter}
        onMap={setMapWanted}
      />
      {model.phase === 'failed' && (
        <p className="jp-Continuum-hint" role="alert">
          {model.trouble}
        </p>
      )}
      <div ref={body} className="jp-Continuum-browseBody">
        {mapShown && (
          <EuropeMap
            sites={model.sites}
            site={site}
            found={foundSites}
            trans={trans}
            onChoose={onSite}
          />
        )}
        <div className="jp-Continuum-browseMain">
          <div className="jp-Continuum-browseTable">
            <Table
              rows={found.rows}
              columns={columns}
              filter={filter}
              order={order}
              picked={picked}
              chosen={chosen}
              trans={trans}
              onSort={onSort}
              onChoose={onChoose}
              onPick={onPick}
            />
            {!found.rows.length && (
              <p className="jp-Continuum-browseEmpty">
                {model.phase === 'loading' || model.phase === 'idle'
                  ? trans.__('Asking the broker…')
                  : alone && !alone.offers.length
                    ? trans.__('No offers of %1 are known.', alone.name) +
                      ` ${alone.reason}`
                    : trans.__('No offer is all that. Ask for less.')}
              </p>
            )}
          </div>
          <Details
            row={row}
            columns={columns}
            trans={trans}
            onConnect={props.connect}
            claims={claims}
          />
        </div>
      </div>
      <div className="jp-Continuum-browseFoot">
        {/* On the left: notices of JupyterLab lie over the right corner. */}
        <button
          type="button"
          className="jp-Continuum-button jp-mod-accept"
          disabled={!picked.size}
          onClick={props.openLaunch}
        >
          {picked.size
            ? trans._n(
                'Prepare launch with %1 offer',
                'Prepare launch with %1 offers',
                picked.size
              )
            : trans.__('Prepare launch')}
        </button>
        <span role="status">
          {trans.__('%1 of %2 offers', found.rows.length, rows.length)}
          {found.unknown > 0 &&
            ` · ${trans.__(
              '%1 left out, since what you ask for is unknown or unverified of them',
              found.unknown
            )}`}
        </span>
        <span className="jp-Continuum-legend" aria-hidden="true">
          <span data-certainty="estimated" className="jp-Continuum-value">
            ~ {trans.__('estimated')}
          </span>
          <span data-certainty="unverified" className="jp-Continuum-value">
            {trans.__('unverified')}
          </span>
          <span data-certainty="unknown" className="jp-Continuum-value">
            ? <span>{trans.__('unknown')}</span>
          </span>
        </span>
      </div>
    </>
  );
}
