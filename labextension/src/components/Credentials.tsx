import { useEffect, useState } from 'react';

import * as format from '../format';
import type { ICredential, ISite } from '../wire';
import { usePanel } from './context';
import { Sentence } from './Sentence';

const TICK_MS = 15_000;
const TONES: Readonly<Record<string, string>> = {
  soon: 'attention',
  expired: 'bad',
  early: 'bad'
};

/** Until when each certificate and token of a site lets the person in. */
export function Credentials({
  site
}: {
  readonly site: ISite;
}): JSX.Element | null {
  const { trans } = usePanel();
  if (!site.credentials.length) {
    return null;
  }
  return (
    <ul
      className="jp-Continuum-credentials"
      aria-label={trans.__('Logins of %1', site.name)}
    >
      {site.credentials.map(credential => (
        <Credential key={credential.name} credential={credential} site={site} />
      ))}
    </ul>
  );
}

function Credential(props: {
  readonly credential: ICredential;
  readonly site: ISite;
}): JSX.Element {
  const { site } = props;
  const { expires, name, said, verdict } = props.credential;
  const { actions, model, trans } = usePanel();
  const words = useClock(props.credential);
  const needsPerson = !['valid', 'unknown'].includes(verdict);
  return (
    <li
      className="jp-Continuum-credential"
      data-tone={TONES[verdict] ?? 'quiet'}
      title={name}
    >
      {expires !== null && <b>{words}</b>}
      {(needsPerson || expires === null) && (
        <p>
          <Sentence text={said} />
        </p>
      )}
      {site.renewable && (
        <button
          type="button"
          className="jp-Continuum-textButton"
          disabled={model.busy.has(`site:${site.id}`)}
          aria-label={trans.__('Renew the certificate of %1', site.name)}
          onClick={() => actions.renew(site)}
        >
          {trans.__('Renew…')}
        </button>
      )}
      {needsPerson && !site.renewable && (
        <button
          type="button"
          className="jp-Continuum-textButton"
          onClick={() => actions.openTerminal()}
        >
          {trans.__('Open a terminal')}
        </button>
      )}
    </li>
  );
}

/** `Login valid until 21:00 · 8 h 59 min left`, as time goes by. */
function useClock({ expires, verdict }: ICredential): string {
  const { trans } = usePanel();
  const now = useNow();
  const end = new Date(expires ?? 0);
  const left = Math.floor((end.getTime() - now.getTime()) / 60_000);
  const at = format.clock(end.toISOString(), now);
  if (verdict === 'expired') {
    return trans.__('Login expired at %1', at);
  }
  if (verdict === 'early') {
    return trans.__('Login not valid yet');
  }
  return trans.__(
    'Login valid until %1 · %2 left',
    at,
    format.minutes(Math.max(0, left))
  );
}

function useNow(): Date {
  const [now, setNow] = useState(() => new Date());
  useEffect(() => {
    const timer = setInterval(() => setNow(new Date()), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  return now;
}
