import { useEffect, useState } from 'react';

import { messageOf } from '../model';
import type { IClaim, IOffer } from '../wire';

interface ITold {
  readonly offer: string;
  readonly claims: readonly IClaim[];
  /** Why there are none; '' when there may be. */
  readonly trouble: string;
}

const NOTHING: ITold = { offer: '', claims: [], trouble: '' };

/** Who says what of the offer that is looked at, asked again when the site was looked at. */
export function useClaims(
  offer: IOffer | null,
  ask: (offer: string) => Promise<readonly IClaim[]>
): ITold {
  const [told, setTold] = useState(NOTHING);
  const id = offer?.id ?? '';
  const observed = offer?.observed ?? '';
  useEffect(() => {
    let wanted = id !== '';
    const take = (claims: readonly IClaim[], trouble: string) => {
      if (wanted) {
        setTold({ offer: id, claims, trouble });
      }
    };
    if (wanted) {
      ask(id).then(
        claims => take(claims, ''),
        (error: unknown) => take([], messageOf(error))
      );
    }
    return () => {
      wanted = false;
    };
  }, [id, observed, ask]);
  return told.offer === id ? told : NOTHING;
}
