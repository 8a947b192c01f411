import {
  codeIcon,
  inspectorIcon,
  launchIcon,
  listIcon,
  stopIcon
} from '@jupyterlab/ui-components';

import * as format from '../format';
import { memoryOf, siteName } from '../select';
import type { IAmount, ICluster, ILink } from '../wire';
import { Access } from './Access';
import { usePanel } from './context';
import { Group } from './Group';
import { IconButton } from './IconButton';
import { Section } from './Section';
import { Sentence } from './Sentence';
import { Dot, StateWord } from './State';

/** Clusters that run, whoever launched them. */
export function Clusters(): JSX.Element {
  const { endsWithContainer, model, trans } = usePanel();
  const { clusters } = model;
  return (
    <Section
      className="jp-Continuum-clusters"
      title={trans.__('Clusters')}
      summary={clusters.length ? String(clusters.length) : ''}
    >
      {!clusters.length && (
        <p className="jp-Continuum-hint">{trans.__('No cluster runs.')}</p>
      )}
      {endsWithContainer && (
        <p className="jp-Continuum-hint">
          {trans.__(
            'This server runs in a container of a Hub: when that ends, clusters and sessions end with it.'
          )}
        </p>
      )}
      <ul className="jp-Continuum-list" aria-label={trans.__('Clusters')}>
        {clusters.map(cluster => (
          <Cluster key={cluster.name} cluster={cluster} />
        ))}
      </ul>
    </Section>
  );
}

function Cluster({ cluster }: { readonly cluster: ICluster }): JSX.Element {
  const { model, actions, trans } = usePanel();
  const busy = model.busy.get(`cluster:${cluster.name}`);
  const isOver = ['stopping', 'stopped'].includes(cluster.state);
  return (
    <li className="jp-Continuum-cluster" data-cluster={cluster.name}>
      <div className="jp-Continuum-clusterHeader">
        {!isOver && (
          // For the pointer only: the button below does the same.
          <span
            className="jp-Continuum-handle"
            aria-hidden="true"
            title={trans.__('Drag into a notebook to attach it')}
            onPointerDown={event =>
              actions.dragCell(cluster, event.nativeEvent)
            }
          />
        )}
        <Dot state={cluster.state} />
        <span className="jp-Continuum-clusterName">{cluster.name}</span>
        {cluster.dashboard && (
          <IconButton
            icon={inspectorIcon}
            label={trans.__('Open plots of %1 as tabs', cluster.name)}
            onClick={() => actions.openPlots(cluster)}
          />
        )}
        {cluster.dashboard && (
          <IconButton
            icon={launchIcon}
            label={trans.__('Open the Dask dashboard of %1', cluster.name)}
            onClick={() => actions.openDashboard(cluster)}
          />
        )}
        <IconButton
          icon={listIcon}
          label={trans.__('Show the logs of %1', cluster.name)}
          onClick={() => actions.showLogs(cluster, '')}
        />
        <IconButton
          icon={stopIcon}
          label={trans.__('Stop %1', cluster.name)}
          refusal={isOver ? trans.__('it is already stopping') : ''}
          onClick={() => actions.stop(cluster)}
        />
      </div>
      <p className="jp-Continuum-clusterState" role="status">
        <StateWord state={cluster.state} />
        {` ${trans.__('since %1', format.clock(cluster.started))}`}
        {cluster.reason && ' · '}
        <Sentence text={cluster.reason} />
      </p>
      {cluster.residency.map(each => (
        <p key={each.dataset} className="jp-Continuum-clusterState">
          <Sentence text={each.said} />
        </p>
      ))}
      {busy && (
        <p className="jp-Continuum-wait" role="status">
          <span className="jp-Continuum-spinner" aria-hidden="true" />
          {busy}
        </p>
      )}
      <Numbers cluster={cluster} />
      <button
        type="button"
        className="jp-Continuum-button jp-mod-accept jp-Continuum-insert"
        disabled={isOver}
        onClick={() => actions.insertCell(cluster)}
      >
        <codeIcon.react tag="span" elementSize="normal" />
        {trans.__('Insert attaching cell')}
      </button>
      <ul
        className="jp-Continuum-groups"
        aria-label={trans.__('Groups of %1', cluster.name)}
      >
        {cluster.groups.map(group => (
          <Group key={group.name} cluster={cluster} group={group} />
        ))}
      </ul>
      <Links links={cluster.links} />
      <Access cluster={cluster} />
    </li>
  );
}

function Numbers({ cluster }: { readonly cluster: ICluster }): JSX.Element {
  const { trans } = usePanel();
  const ready = cluster.groups.reduce((n, it) => n + it.workers_ready, 0);
  const wanted = cluster.groups.reduce((n, it) => n + it.workers_wanted, 0);
  const memory = memoryOf(cluster);
  const tasks =
    cluster.tasks_done + cluster.tasks_running + cluster.tasks_waiting;
  return (
    <dl className="jp-Continuum-numbers">
      <div>
        <dt>{trans.__('Workers')}</dt>
        <dd>
          {format.count(ready)}
          <span className="jp-Continuum-of"> / {format.count(wanted)}</span>
        </dd>
      </div>
      <div
        title={trans.__(
          '%1 running, %2 waiting, %3 done',
          cluster.tasks_running,
          cluster.tasks_waiting,
          cluster.tasks_done
        )}
      >
        <dt>{trans.__('Tasks')}</dt>
        <dd>
          {format.count(cluster.tasks_done)}
          <span className="jp-Continuum-of"> / {format.count(tasks)}</span>
        </dd>
      </div>
      <div>
        <dt>{trans.__('Memory')}</dt>
        <dd>
          {format.bytes(memory.used)}
          {memory.limit > 0 && (
            <span className="jp-Continuum-of">
              {' '}
              / {format.bytes(memory.limit)}
            </span>
          )}
        </dd>
      </div>
      <Spent
        name={trans.__('Cost')}
        unit="EUR"
        soFar={cluster.eur}
        hourly={cluster.eur_per_hour}
      />
      <Spent
        name={trans.__('CO₂e')}
        unit="kg"
        soFar={cluster.carbon_kg}
        hourly={cluster.carbon_kg_per_hour}
      />
    </dl>
  );
}

/** What was spent, and is in an hour; who says so, or why nobody does, as its title. */
function Spent({
  name,
  unit,
  soFar,
  hourly
}: {
  readonly name: string;
  readonly unit: string;
  readonly soFar: IAmount;
  readonly hourly: IAmount;
}): JSX.Element {
  const { trans } = usePanel();
  const told = [soFar.kind, soFar.source, soFar.reason].filter(Boolean);
  return (
    <div title={told.join(' · ')}>
      <dt>{name}</dt>
      <dd>
        {format.amount(soFar, unit) || '?'}
        {hourly.value !== null && (
          <span className="jp-Continuum-of">
            {' '}
            {trans.__('(%1 per hour)', format.amount(hourly, unit))}
          </span>
        )}
      </dd>
    </div>
  );
}

function Links({
  links
}: {
  readonly links: readonly ILink[];
}): JSX.Element | null {
  const { model, trans } = usePanel();
  if (!links.length) {
    return null;
  }
  return (
    <table className="jp-Continuum-links">
      <caption>{trans.__('Bytes between sites')}</caption>
      <tbody>
        {links.map(link => (
          <tr
            key={`${link.source} ${link.target}`}
            title={`${link.source} → ${link.target}`}
          >
            <td>{siteName(model.sites, link.source)}</td>
            <td aria-label={trans.__('to')}>→</td>
            <td>{siteName(model.sites, link.target)}</td>
            <td>{format.bytes(link.bytes)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
