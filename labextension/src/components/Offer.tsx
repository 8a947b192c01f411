import { addIcon, checkIcon } from '@jupyterlab/ui-components';

import * as format from '../format';
import { hasGpus } from '../select';
import type { IOffer } from '../wire';
import { usePanel } from './context';
import { IconButton } from './IconButton';

/** One thing that can be allocated, with what is free of it. */
export function Offer({ offer }: { readonly offer: IOffer }): JSX.Element {
  const { model, trans } = usePanel();
  const picked = model.picks.some(pick => pick.offer === offer.id);
  const refusal = offer.launchable
    ? ''
    : offer.reason || trans.__('This offer cannot be launched.');
  return (
    <li className="jp-Continuum-offer" data-picked={picked}>
      <div className="jp-Continuum-offerText">
        <div className="jp-Continuum-offerWhat">{useHardware(offer)}</div>
        <div className="jp-Continuum-offerTerms">{useTerms(offer)}</div>
      </div>
      <Free offer={offer} />
      <IconButton
        icon={picked ? checkIcon : addIcon}
        label={
          picked
            ? trans.__('Take %1 out of the launch', offer.id)
            : trans.__('Add %1 to the launch', offer.id)
        }
        pressed={picked}
        refusal={refusal}
        onClick={() => model.toggle(offer.id)}
      />
    </li>
  );
}

/** `4 × A100 · 64 GB`, or what a node without a GPU has. */
function useHardware(offer: IOffer): string {
  const { trans } = usePanel();
  if (hasGpus(offer)) {
    const model = offer.gpu_model ?? trans.__('GPU');
    const per = offer.gpus_per_node ? `${offer.gpus_per_node} × ` : '';
    const memory = offer.gpu_memory_gb
      ? ` · ${trans.__('%1 GB', offer.gpu_memory_gb)}`
      : '';
    return per + model + memory;
  }
  const parts = [
    offer.cpus_per_node === null
      ? trans.__('CPU')
      : trans.__('%1 cores', offer.cpus_per_node),
    offer.memory_gb_per_node === null
      ? ''
      : trans.__('%1 GB', Math.round(offer.memory_gb_per_node))
  ];
  return parts.filter(Boolean).join(' · ');
}

function useTerms(offer: IOffer): JSX.Element {
  const { trans } = usePanel();
  return (
    <>
      <span className="jp-Continuum-code">{offer.name}</span>
      {offer.max_walltime_minutes !== null && (
        <span title={trans.__('Longest walltime')}>
          {' · '}
          {trans.__('up to %1', format.minutes(offer.max_walltime_minutes))}
        </span>
      )}
    </>
  );
}

/** Free of total, with a bar where both are known; unknown is said to be unknown. */
function Free({ offer }: { readonly offer: IOffer }): JSX.Element {
  const { trans } = usePanel();
  const [free, total, unit] = hasGpus(offer)
    ? [offer.gpus_free, offer.gpus_total, trans.__('GPUs')]
    : [offer.nodes_free, offer.nodes_total, trans.__('nodes')];
  const title = offer.observed
    ? trans.__('%1, seen at %2', unit, format.clock(offer.observed))
    : trans.__('%1; connect the site to see how many are free', unit);
  if (free === null) {
    return (
      <div className="jp-Continuum-free" title={title}>
        <span className="jp-Continuum-unknown">
          {total === null ? trans.__('unknown') : format.count(total)}
        </span>
        <span className="jp-Continuum-freeUnit">
          {total === null ? trans.__('free') : unit}
        </span>
      </div>
    );
  }
  return (
    <div className="jp-Continuum-free" title={title}>
      <span>
        <b>{format.count(free)}</b>
        {total !== null && (
          <span className="jp-Continuum-of"> / {format.count(total)}</span>
        )}
      </span>
      <span className="jp-Continuum-freeUnit">
        {trans.__('%1 free', unit)}
      </span>
    </div>
  );
}
