/** What the broker says unasked. */

import type { ICluster } from './clusters';
import type { FetchState } from './data';
import type { ISite } from './sites';

export interface IPrompt {
  readonly id: string;
  readonly kind: string;
  readonly site: string;
  readonly text: string;
  readonly secret: boolean;
  readonly expires: string;
}

/** What comes over the event socket when something changed. */
export type Change =
  | { readonly kind: 'site'; readonly site: ISite }
  | { readonly kind: 'cluster'; readonly cluster: ICluster }
  | { readonly kind: 'cluster-gone'; readonly name: string }
  | { readonly kind: 'prompt' }
  | { readonly kind: 'prompt-gone'; readonly id: string }
  | {
      readonly kind: 'broker';
      readonly state: 'ready' | 'lost';
      readonly message?: string;
    }
  | {
      readonly kind: 'fetch';
      readonly id: string;
      readonly state: FetchState;
      readonly done: number;
      readonly total: number | null;
    }
  | { readonly kind: 'failure'; readonly message: string };
