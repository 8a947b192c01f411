import type { TranslationBundle } from '@jupyterlab/translation';

import { usePanel } from './context';

type Tone = 'good' | 'busy' | 'attention' | 'bad' | 'quiet' | 'none';

const TONES: Readonly<Record<string, Tone>> = {
  ready: 'good',
  running: 'good',
  connecting: 'busy',
  starting: 'busy',
  joining: 'busy',
  waiting: 'busy',
  queued: 'busy',
  stopping: 'busy',
  'sign-in': 'attention',
  partial: 'attention',
  draining: 'attention',
  unreachable: 'bad',
  lost: 'bad',
  failed: 'bad',
  retired: 'quiet',
  ended: 'quiet',
  stopped: 'quiet',
  planned: 'none',
  catalogued: 'none'
};

/** A coloured dot; never alone, a word stands beside it. */
export function Dot({ state }: { readonly state: string }): JSX.Element {
  return (
    <span
      className="jp-Continuum-dot"
      data-tone={TONES[state] ?? 'quiet'}
      aria-hidden="true"
    />
  );
}

/** A state's word, as far as we know it. */
export function StateWord({ state }: { readonly state: string }): JSX.Element {
  const { trans } = usePanel();
  return (
    <span
      className="jp-Continuum-stateWord"
      data-tone={TONES[state] ?? 'quiet'}
    >
      {stateWord(state, trans)}
    </span>
  );
}

export function stateWord(state: string, trans: TranslationBundle): string {
  switch (state) {
    case 'catalogued':
      return trans.__('Not connected');
    case 'planned':
      return trans.__('Not open yet');
    case 'retired':
      return trans.__('Retired');
    case 'ready':
      return trans.__('Ready');
    case 'running':
      return trans.__('Running');
    case 'connecting':
      return trans.__('Connecting');
    case 'sign-in':
      return trans.__('Sign-in needed');
    case 'unreachable':
      return trans.__('Unreachable');
    case 'waiting':
      return trans.__('Waiting');
    case 'queued':
      return trans.__('Queued');
    case 'starting':
      return trans.__('Starting');
    case 'joining':
      return trans.__('Joining');
    case 'partial':
      return trans.__('Partly ready');
    case 'draining':
      return trans.__('Draining');
    case 'stopping':
      return trans.__('Stopping');
    case 'stopped':
      return trans.__('Stopped');
    case 'lost':
      return trans.__('Lost');
    case 'ended':
      return trans.__('Ended');
    case 'failed':
      return trans.__('Failed');
    default:
      return state;
  }
}
