import { useId, useState } from 'react';

import * as format from '../format';
import { findOffer, groupName, tally } from '../select';
import type { ICluster, IGroup, IWorker } from '../wire';
import { usePanel } from './context';
import { Sentence } from './Sentence';
import { Dot, StateWord, stateWord } from './State';
import { Stepper } from './Stepper';

const SHOWN_WORKERS = 100;

export interface IGroupProps {
  readonly cluster: ICluster;
  readonly group: IGroup;
}

/** The workers that one offer brought, how far they are, and what they wait for. */
export function Group({ cluster, group }: IGroupProps): JSX.Element {
  const { actions, model, trans } = usePanel();
  const [open, setOpen] = useState(false);
  const body = useId();
  const done = group.workers_wanted
    ? Math.min(1, group.workers_ready / group.workers_wanted)
    : 1;
  return (
    <li className="jp-Continuum-group" data-group={group.name}>
      <div className="jp-Continuum-groupHeader">
        <Dot state={group.state} />
        <span
          className="jp-Continuum-groupName"
          title={trans.__('%1: workers of %2', group.name, group.offer)}
        >
          {groupName(model.sites, group)}
        </span>
        <span className="jp-Continuum-groupCount">
          {trans.__('%1 of %2', group.workers_ready, group.workers_wanted)}
        </span>
        <Stepper
          label={trans.__('Jobs of group %1', group.name)}
          value={group.jobs_wanted}
          min={0}
          onChange={jobs => actions.scale(cluster, group.name, jobs)}
        />
      </div>
      <div
        className="jp-Continuum-bar"
        role="progressbar"
        aria-label={trans.__('Workers of %1 that are ready', group.name)}
        aria-valuemin={0}
        aria-valuemax={group.workers_wanted}
        aria-valuenow={group.workers_ready}
      >
        <span style={{ width: `${100 * done}%` }} />
      </div>
      {(group.state !== 'ready' || group.reason || !group.workers.length) && (
        <p className="jp-Continuum-groupState">
          <StateWord state={group.state} />
          {group.reason && ' · '}
          <Sentence text={group.reason} />
        </p>
      )}
      <Waiting group={group} />
      {group.ends !== null && (
        <p className="jp-Continuum-groupState">
          {trans.__('Walltime ends at %1', format.clock(group.ends))}
        </p>
      )}
      {group.workers.length > 0 && (
        <p className="jp-Continuum-groupFoot">
          <button
            type="button"
            className="jp-Continuum-textButton"
            aria-expanded={open}
            aria-controls={body}
            onClick={() => setOpen(!open)}
          >
            {tally(group)
              .map(
                it => `${it.count} ${stateWord(it.state, trans).toLowerCase()}`
              )
              .join(', ')}
          </button>
          {group.jobs_wanted > 0 && (
            <button
              type="button"
              className="jp-Continuum-textButton"
              aria-label={trans.__('Drain %1', group.name)}
              onClick={() => actions.drain(cluster, group)}
            >
              {trans.__('Drain')}
            </button>
          )}
          <button
            type="button"
            className="jp-Continuum-textButton"
            aria-label={trans.__('Logs of %1', group.name)}
            onClick={() => actions.showLogs(cluster, group.name)}
          >
            {trans.__('Logs')}
          </button>
        </p>
      )}
      <div id={body} hidden={!open}>
        {open && <Workers cluster={cluster} workers={group.workers} />}
      </div>
    </li>
  );
}

/** Why it waits, beyond the site's own word: what that means, who else waits, how long as a rule. */
function Waiting({ group }: { readonly group: IGroup }): JSX.Element | null {
  const { model, trans } = usePanel();
  const offer = findOffer(model.sites, group.offer);
  const queued = group.workers.some(it => it.state === 'queued');
  if (!queued) {
    return null;
  }
  const parts = [
    group.meaning,
    offer?.jobs_pending
      ? trans.__(
          'Jobs that wait at this offer: %1.',
          format.count(offer.jobs_pending)
        )
      : '',
    offer ? format.expectedWait(offer.wait, trans) : ''
  ].filter(Boolean);
  return parts.length ? (
    <p className="jp-Continuum-groupState">
      <Sentence text={parts.join(' ')} />
    </p>
  ) : null;
}

/** States of a worker that can be asked for its own page. */
const ANSWERING = ['ready', 'unreachable', 'draining'];

function Workers(props: {
  readonly cluster: ICluster;
  readonly workers: readonly IWorker[];
}): JSX.Element {
  const { trans } = usePanel();
  const hidden = props.workers.length - SHOWN_WORKERS;
  return (
    <>
      <ul className="jp-Continuum-workers" aria-label={trans.__('Workers')}>
        {props.workers.slice(0, SHOWN_WORKERS).map(worker => (
          <Worker key={worker.name} cluster={props.cluster} worker={worker} />
        ))}
      </ul>
      {hidden > 0 && (
        <p className="jp-Continuum-hint">{trans.__('and %1 more', hidden)}</p>
      )}
    </>
  );
}

function Worker({
  cluster,
  worker
}: {
  readonly cluster: ICluster;
  readonly worker: IWorker;
}): JSX.Element {
  const { actions, trans } = usePanel();
  const where = [
    worker.node,
    worker.device,
    worker.job_id && `job ${worker.job_id}`
  ];
  return (
    <li className="jp-Continuum-worker">
      <Dot state={worker.state} />
      <span
        className="jp-Continuum-workerName"
        title={where.filter(Boolean).join(' · ')}
      >
        {ANSWERING.includes(worker.state) && cluster.dashboard ? (
          <button
            type="button"
            className="jp-Continuum-textButton"
            aria-label={trans.__('Open the page of %1', worker.name)}
            onClick={() => actions.openWorker(cluster, worker)}
          >
            {worker.name}
          </button>
        ) : (
          worker.name
        )}
      </span>
      {worker.memory_bytes !== null && (
        <span className="jp-Continuum-workerNumber" title={trans.__('Memory')}>
          {format.bytes(worker.memory_bytes)}
        </span>
      )}
      {worker.tasks_running !== null && (
        <span
          className="jp-Continuum-workerNumber"
          title={trans.__('Tasks that run now')}
        >
          {trans._n('%1 task', '%1 tasks', worker.tasks_running)}
        </span>
      )}
      <span className="jp-Continuum-workerState">
        <StateWord state={worker.state} />
        {worker.reason && ' · '}
        <Sentence text={worker.reason} />
      </span>
    </li>
  );
}
