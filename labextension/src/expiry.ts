import { Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { IActions } from './components/context';
import * as format from './format';
import type { IContinuumModel } from './tokens';
import type { ICredential, ISite } from './wire';

const SHOWN_MS = 8000;

/** Tell once of each credential that expires soon or has expired, until it is renewed. */
export function tellExpiry(
  model: IContinuumModel,
  actions: Pick<IActions, 'refresh' | 'renew' | 'reveal'>,
  trans: TranslationBundle
): void {
  const told = new Map<string, { what: string; id: string }>();
  model.stateChanged.connect(() => {
    for (const site of model.sites) {
      const urgent = urgentOf(site);
      const what = urgent
        ? `${urgent.name} ${urgent.expires} ${urgent.verdict}`
        : '';
      const before = told.get(site.id);
      if (before?.what === what || (!before && !urgent)) {
        continue;
      }
      if (before) {
        Notification.dismiss(before.id);
        told.delete(site.id);
      }
      if (urgent) {
        const id = Notification.warning(gist(site, urgent, trans), {
          // What is under it can be clicked again; the site's line and the bell go on saying it.
          autoClose: SHOWN_MS,
          actions: [
            {
              label: trans.__('Show'),
              callback: () => actions.reveal(site.id)
            },
            site.renewable
              ? {
                  label: trans.__('Renew…'),
                  displayType: 'accent',
                  callback: () => actions.renew(site)
                }
              : {
                  label: trans.__('I renewed it'),
                  displayType: 'accent',
                  callback: () => actions.refresh(site)
                }
          ]
        });
        told.set(site.id, { what, id });
      }
    }
  });
}

/** JupyterLab cuts a notification after 140 signs; what to do stands at the site. */
function gist(
  site: ISite,
  { expires, verdict }: ICredential,
  trans: TranslationBundle
): string {
  const at = format.clock(expires ?? '');
  return verdict === 'soon'
    ? trans.__('%1: your login expires at %2. Renew it.', site.name, at)
    : trans.__('%1: your login expired at %2. Renew it.', site.name, at);
}

/** What the person has to act on; the broker lists the most urgent first. */
function urgentOf(site: ISite): ICredential | null {
  const first = site.credentials[0] ?? null;
  return first && ['soon', 'expired'].includes(first.verdict) ? first : null;
}
