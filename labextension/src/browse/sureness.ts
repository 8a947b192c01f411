import type { TranslationBundle } from '@jupyterlab/translation';

import type { Certainty } from './columns';

/** How sure a value is in words, for who does not see how it looks; '' where it is known. */
export function sureness(of: Certainty, trans: TranslationBundle): string {
  switch (of) {
    case 'known':
      return '';
    case 'estimated':
      return trans.__('estimated');
    case 'unverified':
      return trans.__('unverified');
    case 'unknown':
      return trans.__('unknown');
    case 'none':
      return trans.__('none');
  }
}
