import { stopIcon } from '@jupyterlab/ui-components';
import { useEffect } from 'react';

import { usePanel } from '../components/context';
import { IconButton } from '../components/IconButton';
import { siteName } from '../select';
import type { IFetch } from '../wire';
import { nameOf, percent, progress } from './view';

/** Files that are on their way here. */
export function Coming(): JSX.Element | null {
  const { actions, files, trans } = usePanel();
  useEffect(() => actions.lookForFetches(), [actions]);
  if (!files.fetches.length) {
    return null;
  }
  return (
    <ul
      className="jp-Continuum-coming"
      aria-label={trans.__('Files on their way')}
    >
      {files.fetches.map(fetch => (
        <One key={fetch.id} fetch={fetch} />
      ))}
    </ul>
  );
}

function One({ fetch }: { readonly fetch: IFetch }): JSX.Element {
  const { actions, model, trans } = usePanel();
  const name = nameOf(fetch.path);
  const share = percent(fetch);
  const text = progress(fetch) || trans.__('Asking the site…');
  return (
    <li data-fetch={fetch.id}>
      <span
        className="jp-Continuum-comingName"
        title={trans.__(
          '%1 of %2 to %3',
          fetch.path,
          siteName(model.sites, fetch.site),
          fetch.target
        )}
      >
        {name}
      </span>
      <span className="jp-Continuum-workerNumber">{text}</span>
      <IconButton
        icon={stopIcon}
        label={trans.__('Stop fetching %1; what has come is kept', name)}
        onClick={() => actions.stopFetch(fetch)}
      />
      <span
        className="jp-Continuum-bar"
        role="progressbar"
        aria-label={trans.__('How much of %1 has come', name)}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={share ?? undefined}
        aria-valuetext={text}
      >
        <span style={{ width: `${share ?? 0}%` }} />
      </span>
    </li>
  );
}
