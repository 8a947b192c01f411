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
      <div className="jp-Continuum-offerWhat">{useHardware(offer)}</div>
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
      <Terms offer={offer} refusal={refusal} />
    </li>
  );
}

/** `4 × A100 · 64 GB`, or what a node without a GPU has. */
function useHardware(offer: IOffer): string {
  const { trans } = usePanel();
  const gigabytes = (amount: number | null) =>
    amount === null ? '' : trans.__('%1\u00a0GB', Math.round(amount));
  if (hasGpus(offer)) {
    const model = offer.gpu_model ?? trans.__('GPU');
    const gpus = offer.gpus_per_node
      ? `${offer.gpus_per_node}\u00a0×\u00a0${model}`
      : model;
    return [gpus, gigabytes(offer.gpu_memory_gb)].filter(Boolean).join(' · ');
  }
  const parts = [
    offer.cpus_per_node === null
      ? trans.__('CPU')
      : trans.__('%1\u00a0cores', offer.cpus_per_node),
    gigabytes(offer.memory_gb_per_node)
  ];
  return parts.filter(Boolean).join(' · ');
}

/** Its name at the site, how long, how much there is; and why not, once the site was seen. */
function Terms(props: {
  readonly offer: IOffer;
  readonly refusal: string;
}): JSX.Element {
  const { trans } = usePanel();
  const { offer, refusal } = props;
  const total = hasGpus(offer) ? offer.gpus_total : offer.nodes_total;
  const terms = [
    offer.max_walltime_minutes === null
      ? ''
      : trans.__('up to %1', format.minutes(offer.max_walltime_minutes)),
    total === null ? '' : trans.__('%1 in all', format.count(total)),
    offer.observed === null ? '' : refusal
  ];
  return (
    <div className="jp-Continuum-offerTerms">
      <span className="jp-Continuum-code">{withinSite(offer)}</span>
      {terms.filter(Boolean).map(term => ` · ${term}`)}
    </div>
  );
}

/** What a plan calls it, less the site: several offers may share a partition. */
function withinSite(offer: IOffer): string {
  return offer.id.slice(offer.id.indexOf('/') + 1);
}

/** How many are free now; unknown is said to be unknown. */
function Free({ offer }: { readonly offer: IOffer }): JSX.Element {
  const { trans } = usePanel();
  const [free, unit] = hasGpus(offer)
    ? [offer.gpus_free, trans.__('GPUs')]
    : [offer.nodes_free, trans.__('nodes')];
  if (free === null) {
    return (
      <span
        className="jp-Continuum-free jp-Continuum-unknown"
        title={trans.__(
          'Unknown; connect the site to see how many %1 are free',
          unit
        )}
      >
        {trans.__('? free')}
      </span>
    );
  }
  return (
    <span
      className="jp-Continuum-free"
      title={
        offer.observed === null
          ? unit
          : trans.__('%1, seen at %2', unit, format.clock(offer.observed))
      }
    >
      {trans.__('%1 free', format.count(free))}
    </span>
  );
}
