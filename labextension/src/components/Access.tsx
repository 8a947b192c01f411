import { caretDownIcon, caretRightIcon } from '@jupyterlab/ui-components';
import { useId, useState } from 'react';

import * as format from '../format';
import { siteName } from '../select';
import type { IClient, ICluster, IPlace } from '../wire';
import { usePanel } from './context';

/** Who can run code in a cluster, where and as whom, until when; and the end of it. */
export function Access({
  cluster
}: {
  readonly cluster: ICluster;
}): JSX.Element {
  const { trans } = usePanel();
  const [unfolded, setUnfolded] = useState(false);
  const body = useId();
  const { access } = cluster;
  const Caret = unfolded ? caretDownIcon : caretRightIcon;
  return (
    <section className="jp-Continuum-access">
      <h4 className="jp-Continuum-accessTitle">
        <button
          type="button"
          aria-expanded={unfolded}
          aria-controls={body}
          aria-label={trans.__('Who can run code in %1', cluster.name)}
          onClick={() => setUnfolded(!unfolded)}
        >
          <Caret.react tag="span" className="jp-Continuum-caret" />
          {trans.__('Access')}
          <span className="jp-Continuum-accessSum">
            {access.open
              ? trans._n('%1 client', '%1 clients', access.clients.length)
              : trans.__('ended')}
          </span>
        </button>
      </h4>
      <div id={body} hidden={!unfolded}>
        {unfolded && <Body cluster={cluster} />}
      </div>
    </section>
  );
}

function Body({ cluster }: { readonly cluster: ICluster }): JSX.Element {
  const { actions, trans } = usePanel();
  const { access } = cluster;
  const isOver = ['stopping', 'stopped'].includes(cluster.state);
  return (
    <>
      <h5>{trans.__('Who')}</h5>
      {!access.open ? (
        <p>{trans.__('All access was ended: nobody is let in.')}</p>
      ) : (
        !access.clients.length && <p>{trans.__('No client is connected.')}</p>
      )}
      <ul aria-label={trans.__('Clients of %1', cluster.name)}>
        {access.clients.map(client => (
          <Client key={client.leaf} client={client} />
        ))}
      </ul>
      {access.away > 0 && (
        <p>
          {trans._n(
            '%1 more certificate is valid, until %2; its client is not connected, or has ended.',
            '%1 more certificates are valid, the last until %2; their clients are not connected, or have ended.',
            access.away,
            format.clock(access.away_until ?? '')
          )}
        </p>
      )}
      <h5>{trans.__('Where, and as whom')}</h5>
      <ul aria-label={trans.__('Where code of %1 runs', cluster.name)}>
        {access.places.map(place => (
          <Place key={place.site} place={place} />
        ))}
      </ul>
      <p>
        {trans.__(
          'Lease: jobs that hear nothing from the cluster for %1 end by themselves.',
          format.seconds(cluster.lease_seconds)
        )}{' '}
        {cluster.held &&
          trans.__(
            'A run holds the cluster: it is stopped when that has been gone for so long.'
          )}
      </p>
      {access.open ? (
        <button
          type="button"
          className="jp-Continuum-button jp-mod-warn"
          disabled={isOver}
          onClick={() => actions.endAccess(cluster)}
        >
          {trans.__('End all access now')}
        </button>
      ) : (
        <button
          type="button"
          className="jp-Continuum-button"
          disabled={isOver}
          onClick={() => actions.openAccess(cluster)}
        >
          {trans.__('Let clients in again')}
        </button>
      )}
    </>
  );
}

function Client({ client }: { readonly client: IClient }): JSX.Element {
  const { trans } = usePanel();
  return (
    <li title={client.leaf}>
      <b>{client.who || trans.__('It does not say who it is')}</b>
      <span>
        {trans.__(
          'since %1 · certificate until %2',
          format.clock(client.since),
          format.clock(client.until)
        )}
      </span>
    </li>
  );
}

function Place({ place }: { readonly place: IPlace }): JSX.Element {
  const { model, trans } = usePanel();
  const told = [
    place.runs_as
      ? trans.__('as %1', place.runs_as)
      : trans.__('as whom is unknown: the site is not connected'),
    place.account && trans.__('account %1', place.account),
    trans._n('%1 worker', '%1 workers', place.workers),
    place.until && trans.__('until %1', format.clock(place.until))
  ];
  return (
    <li title={place.site}>
      <b>{siteName(model.sites, place.site)}</b>
      <span>{told.filter(Boolean).join(' · ')}</span>
    </li>
  );
}
