import type { Event } from '@jupyterlab/services';

import type { Change } from './wire';

/** `$id` of `jupyter_continuum/server/events.yaml`. */
const SCHEMA_ID = 'https://schema.jupyter.org/jupyter_continuum/change/v1';

const KINDS: readonly string[] = [
  'site',
  'cluster',
  'cluster-gone',
  'prompt',
  'prompt-gone',
  'broker',
  'failure'
] satisfies Change['kind'][];

/** The change an event of the Jupyter server tells of; null when it is not one of ours. */
export function changeOf(event: Event.Emission): Change | null {
  const kind: unknown = event['kind'];
  const isOurs =
    event.schema_id === SCHEMA_ID &&
    typeof kind === 'string' &&
    KINDS.includes(kind);
  return isOurs ? (event as unknown as Change) : null;
}
