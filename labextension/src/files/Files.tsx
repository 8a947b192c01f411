import '../../style/files.css';

import { caretUpIcon, refreshIcon } from '@jupyterlab/ui-components';
import { useEffect, useRef, useState } from 'react';

import { usePanel } from '../components/context';
import { IconButton } from '../components/IconButton';
import { Sentence } from '../components/Sentence';
import { useModel } from '../components/useModel';
import * as format from '../format';
import { isConnected } from '../select';
import { Coming } from './Coming';
import { Listing } from './Listing';

/** Files at a site: what lies in a folder, and what is on its way here. */
export default function Files(): JSX.Element {
  const { model, files, trans } = usePanel();
  useModel(files);
  const sites = model.sites.filter(
    it => it.id === files.site || (isConnected(it) && it.state === 'ready')
  );
  return (
    <div className="jp-Continuum-files">
      <label className="jp-Continuum-filesSite">
        <span>{trans.__('Files at')}</span>
        <select
          className="jp-Continuum-input"
          value={files.site}
          onChange={event => void files.open(event.target.value, '')}
        >
          <option value="">{trans.__('Choose a site…')}</option>
          {sites.map(site => (
            <option key={site.id} value={site.id}>
              {site.name}
            </option>
          ))}
        </select>
      </label>
      <Coming />
      {files.site && <Folder key={files.site} />}
    </div>
  );
}

function Folder(): JSX.Element {
  const { actions, files, trans } = usePanel();
  const { found, phase, site } = files;
  const [path, setPath] = useState('');
  const body = useRef<HTMLDivElement>(null);
  const went = useRef(false);
  useEffect(() => setPath(found?.path ?? ''), [found]);
  useEffect(() => {
    // What was pressed has gone with the folder that it was in.
    if (went.current && phase === 'ready') {
      const list = body.current?.querySelector('[role=grid] button');
      const next = list ?? body.current?.querySelector('input');
      (next as HTMLElement | null)?.focus();
    }
    went.current = went.current && phase === 'loading';
  }, [found, phase]);
  const open = (to: string) => void files.open(site, to);
  return (
    <div ref={body} aria-busy={phase === 'loading'}>
      <form
        className="jp-Continuum-filesPath"
        onSubmit={event => {
          event.preventDefault();
          open(path.trim());
        }}
      >
        <IconButton
          icon={caretUpIcon}
          label={trans.__('Up')}
          refusal={
            typeof found?.above === 'string'
              ? ''
              : trans.__('write a path that begins with / to go elsewhere')
          }
          onClick={() => open(found?.above ?? '')}
        />
        <input
          className="jp-Continuum-input"
          value={path}
          placeholder={trans.__('Home folder')}
          aria-label={trans.__('Folder')}
          spellCheck={false}
          onChange={event => setPath(event.target.value)}
        />
        <IconButton
          icon={refreshIcon}
          label={trans.__('Look into the folder again')}
          onClick={() => open(found?.path ?? path)}
        />
      </form>
      <State />
      {found && found.files.length > 0 && (
        <Listing
          key={found.path}
          found={found}
          onOpen={to => {
            went.current = true;
            open(to);
          }}
          onFetch={path => actions.fetchFile({ site, path })}
          trans={trans}
        />
      )}
    </div>
  );
}

/** What came of looking, in a sentence. */
function State(): JSX.Element {
  const { files, trans } = usePanel();
  const { found, phase, trouble } = files;
  const count = found?.files.length ?? 0;
  const home = trans.__('the home folder');
  return (
    <>
      {phase === 'failed' && (
        <p className="jp-Continuum-filesState" data-tone="bad" role="alert">
          <Sentence text={trouble} />
        </p>
      )}
      <p className="jp-Continuum-filesState" role="status">
        {phase === 'loading' && (
          <>
            <span className="jp-Continuum-spinner" aria-hidden="true" />
            {trans.__('Looking…')}
          </>
        )}
        {phase === 'failed' && found && (
          <>{trans.__('Below is still %1.', found.path || home)}</>
        )}
        {phase === 'ready' && found?.more && (
          <>
            {trans.__(
              'The first %1 are listed; there are more. Write the path of one that is not.',
              format.count(count)
            )}
          </>
        )}
        {phase === 'ready' && !found?.more && count > 0 && (
          <>
            {trans._n(
              '%1 entry. A file comes to the folder of the file browser.',
              '%1 entries. A file comes to the folder of the file browser.',
              count
            )}
          </>
        )}
        {phase === 'ready' && count === 0 && (
          <>{trans.__('Nothing lies there.')}</>
        )}
      </p>
    </>
  );
}
