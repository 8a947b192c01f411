import { codeIcon } from '@jupyterlab/ui-components';
import { lazy, Suspense, useEffect, useState } from 'react';

import { sourceOf as from, told } from '../format';
import { messageOf } from '../model';
import type { IDataset } from '../wire';
import { siteName } from '../select';
import { usePanel } from './context';
import { IconButton } from './IconButton';
import { Section } from './Section';
import { useModel } from './useModel';

/** Its code is loaded when somebody unfolds the section. */
const Files = lazy(() => import('../files/Files'));

/** Files at sites, and data sets that are known; asked for when somebody unfolds it. */
export function Data(): JSX.Element {
  const { files, trans } = usePanel();
  useModel(files);
  const coming = files.fetches.length;
  return (
    <Section
      className="jp-Continuum-data"
      title={trans.__('Data')}
      summary={coming ? trans._n('%1 file comes', '%1 files come', coming) : ''}
      folded
    >
      <Suspense fallback={null}>
        <Files />
      </Suspense>
      <h3 className="jp-Continuum-listTitle">{trans.__('Data sets')}</h3>
      <Datasets />
    </Section>
  );
}

function Datasets(): JSX.Element {
  const { model, trans } = usePanel();
  const [found, setFound] = useState<readonly IDataset[] | null>(null);
  const [trouble, setTrouble] = useState('');
  useEffect(() => {
    let wanted = true;
    model.datasets().then(
      datasets => wanted && setFound(datasets),
      (error: unknown) => wanted && setTrouble(messageOf(error))
    );
    return () => {
      wanted = false;
    };
  }, [model]);
  if (trouble) {
    return (
      <p className="jp-Continuum-hint" role="alert">
        {trouble}
      </p>
    );
  }
  if (found === null) {
    return (
      <p className="jp-Continuum-wait" role="status">
        <span className="jp-Continuum-spinner" aria-hidden="true" />
        {trans.__('Reading the records…')}
      </p>
    );
  }
  return (
    <ul className="jp-Continuum-list" aria-label={trans.__('Data sets')}>
      {found.map(dataset => (
        <Dataset key={dataset.id} dataset={dataset} />
      ))}
    </ul>
  );
}

function Dataset({ dataset }: { readonly dataset: IDataset }): JSX.Element {
  const { actions, model, trans } = usePanel();
  const unknown = trans.__('unknown');
  const rows: readonly (readonly [string, string, string])[] = [
    [
      trans.__('At'),
      dataset.site === null
        ? trans.__('anywhere')
        : siteName(model.sites, dataset.site),
      [dataset.site, dataset.path || dataset.url].filter(Boolean).join(':')
    ],
    [
      trans.__('Size'),
      told(dataset.size_gb, unknown, ' GB'),
      from(dataset.size_gb)
    ],
    [trans.__('Owner'), told(dataset.owner, unknown), from(dataset.owner)],
    [
      trans.__('Law'),
      told(dataset.jurisdiction, unknown),
      from(dataset.jurisdiction)
    ],
    [trans.__('Licence'), told(dataset.licence, unknown), from(dataset.licence)]
  ];
  return (
    <li className="jp-Continuum-dataset" data-dataset={dataset.id}>
      <div className="jp-Continuum-datasetHeader">
        <span className="jp-Continuum-datasetName" title={dataset.name}>
          {dataset.id}
        </span>
        <span className="jp-Continuum-workerNumber">{dataset.format}</span>
        <IconButton
          icon={codeIcon}
          label={trans.__('Insert a cell that opens %1', dataset.id)}
          onClick={() => actions.insertOpening(dataset)}
        />
      </div>
      <p className="jp-Continuum-hint">{dataset.name}</p>
      <dl className="jp-Continuum-datasetFacts">
        {rows.map(([name, value, source]) => (
          <div key={name} title={source}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </li>
  );
}
