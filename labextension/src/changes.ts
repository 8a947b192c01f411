import type { Event } from '@jupyterlab/services';

import { isCluster, isSite } from './answers';
import type { Change } from './wire';

/** `$id` of `jupyter_continuum/server/events.yaml`. */
const SCHEMA_ID = 'https://schema.jupyter.org/jupyter_continuum/change/v1';

const KINDS: readonly string[] = [
  'site',
  'cluster',
  'cluster-gone',
  'prompt',
  'prompt-gone',
  'fetch',
  'broker',
  'failure'
] satisfies Change['kind'][];

/**
 * The change an event of the Jupyter server tells of; null when it is not one of ours, or tells of
 * what cannot be shown: the next look at all there is says so in words.
 */
export function changeOf(event: Event.Emission): Change | null {
  const kind: unknown = event['kind'];
  const isOurs =
    event.schema_id === SCHEMA_ID &&
    typeof kind === 'string' &&
    KINDS.includes(kind);
  const canBeShown =
    (kind !== 'site' || isSite(event['site'])) &&
    (kind !== 'cluster' || isCluster(event['cluster']));
  return isOurs && canBeShown ? (event as unknown as Change) : null;
}
