import { closeIcon } from '@jupyterlab/ui-components';

import { findOffer, siteName, workersPerJob } from '../select';
import type { IPick } from '../tokens';
import { usePanel } from './context';
import { IconButton } from './IconButton';
import { Minutes } from './Minutes';
import { Section } from './Section';
import { Stepper } from './Stepper';

const NAME = /^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/;

/** What is about to become one cluster. */
export function Launch(): JSX.Element {
  const { model, trans } = usePanel();
  const { picks } = model;
  const jobs = picks.reduce((sum, pick) => sum + pick.jobs, 0);
  return (
    <Section
      className="jp-Continuum-launch"
      title={trans.__('Launch')}
      summary={picks.length ? trans._n('%1 job', '%1 jobs', jobs) : ''}
    >
      {picks.length ? (
        <LaunchForm />
      ) : (
        <p className="jp-Continuum-hint">
          {trans.__(
            'Add offers with + above, from one site or several: together they become one Dask cluster.'
          )}
        </p>
      )}
    </Section>
  );
}

function LaunchForm(): JSX.Element {
  const { model, actions, trans } = usePanel();
  const busy = model.busy.get('launch');
  const name = model.draftName.trim();
  const isBadName = name !== '' && !NAME.test(name);
  return (
    <form
      className="jp-Continuum-launchForm"
      onSubmit={event => {
        event.preventDefault();
        actions.launch();
      }}
    >
      <ul className="jp-Continuum-list" aria-label={trans.__('Chosen offers')}>
        {model.picks.map(pick => (
          <Pick key={pick.offer} pick={pick} />
        ))}
      </ul>
      <label className="jp-Continuum-field">
        <span>{trans.__('Cluster name')}</span>
        <input
          className="jp-Continuum-input"
          value={model.draftName}
          placeholder={trans.__('made up when empty')}
          aria-invalid={isBadName}
          spellCheck={false}
          onChange={event => model.setDraftName(event.target.value)}
        />
      </label>
      {isBadName && (
        <p className="jp-Continuum-fieldError" role="alert">
          {trans.__('Up to 32 small letters, digits and hyphens.')}
        </p>
      )}
      <div className="jp-Continuum-buttons">
        {busy && (
          <span className="jp-Continuum-wait" role="status">
            <span className="jp-Continuum-spinner" aria-hidden="true" />
            {busy}
          </span>
        )}
        <button
          type="button"
          className="jp-Continuum-button"
          disabled={Boolean(busy) || isBadName}
          onClick={() => actions.dryRun()}
        >
          {trans.__('Dry run')}
        </button>
        <button
          type="submit"
          className="jp-Continuum-button jp-mod-accept"
          disabled={Boolean(busy) || isBadName}
        >
          {trans.__('Launch')}
        </button>
      </div>
    </form>
  );
}

function Pick({ pick }: { readonly pick: IPick }): JSX.Element {
  const { model, trans } = usePanel();
  const offer = findOffer(model.sites, pick.offer);
  const workers = pick.jobs * workersPerJob(offer, pick.nodes);
  const [site, partition] = pick.offer.split('/', 2);
  return (
    <li className="jp-Continuum-pick">
      <span className="jp-Continuum-pickName" title={pick.offer}>
        {siteName(model.sites, site)}
        <span className="jp-Continuum-code"> {partition}</span>
      </span>
      <IconButton
        icon={closeIcon}
        label={trans.__('Take %1 out of the launch', pick.offer)}
        onClick={() => model.toggle(pick.offer)}
      />
      <span className="jp-Continuum-pickNumbers">
        <label>
          <Stepper
            label={trans.__('Jobs at %1', pick.offer)}
            value={pick.jobs}
            min={1}
            onChange={jobs => model.change(pick.offer, { jobs })}
          />
          {trans._n('job', 'jobs', pick.jobs)} ×
        </label>
        <label>
          <Stepper
            label={trans.__('Nodes per job at %1', pick.offer)}
            value={pick.nodes}
            min={1}
            onChange={nodes => model.change(pick.offer, { nodes })}
          />
          {trans._n('node', 'nodes', pick.nodes)}
        </label>
        <label>
          {trans.__('for')}
          <Minutes
            label={trans.__('Minutes of walltime at %1', pick.offer)}
            placeholder={trans.__('60')}
            value={pick.walltimeMinutes}
            onChange={walltimeMinutes =>
              model.change(pick.offer, { walltimeMinutes })
            }
          />
          {trans.__('min')}
        </label>
        <span className="jp-Continuum-pickTotal">
          {trans._n('= %1 worker', '= %1 workers', workers)}
        </span>
      </span>
    </li>
  );
}
