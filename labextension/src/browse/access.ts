import type { TranslationBundle } from '@jupyterlab/translation';

import type { SiteState } from '../wire';
import type { IRow } from './rows';

export type Access = 'ready' | 'sign-in' | 'connect' | 'closed' | 'unknown';

export const ACCESS_ORDER: Readonly<Record<Access, number>> = {
  ready: 0,
  'sign-in': 1,
  connect: 2,
  unknown: 3,
  closed: 4
};

const ACCESS: Readonly<Record<SiteState, Access>> = {
  ready: 'ready',
  connecting: 'sign-in',
  'sign-in': 'sign-in',
  catalogued: 'connect',
  unreachable: 'unknown',
  planned: 'closed',
  retired: 'closed'
};

/** How near the person is to using it. */
export function access(row: IRow): Access {
  const state = ACCESS[row.site.state];
  // A ready site may still refuse this offer; the broker says why.
  return state === 'ready' && !row.offer.launchable ? 'closed' : state;
}

/** The same of a site as a whole. */
export function siteAccess(state: SiteState): Access {
  return ACCESS[state];
}

export function accessWord(of: Access, trans: TranslationBundle): string {
  switch (of) {
    case 'ready':
      return trans.__('Ready');
    case 'sign-in':
      return trans.__('Sign in');
    case 'connect':
      return trans.__('Not connected');
    case 'closed':
      return trans.__('Not open');
    case 'unknown':
      return trans.__('No answer');
  }
}

/** The colour of its dot. */
export const TONES: Readonly<Record<Access, string>> = {
  ready: 'good',
  'sign-in': 'attention',
  connect: 'none',
  closed: 'quiet',
  unknown: 'bad'
};
