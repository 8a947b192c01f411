import type { ICluster, IDataset } from '../wire';

/** What attaches a notebook to a cluster. Pure. */
export function attachingCode(cluster: ICluster): string {
  return cluster.attach || codeFor(cluster.name);
}

/** What opens a data set, with the client that the notebook made last. Pure. */
export function openingCode(dataset: IDataset): string {
  return [
    'import jupyter_continuum as jc',
    '',
    `data = jc.open_dataset(${JSON.stringify(dataset.id)})`,
    'data'
  ].join('\n');
}

function codeFor(name: string): string {
  return [
    'import jupyter_continuum as jc',
    '',
    `client = jc.attach("${name}").get_client()`,
    'client'
  ].join('\n');
}

/** The cluster that a cell attaches to; null when it is no attaching cell of ours, or was changed. */
export function attachesTo(source: string): string | null {
  const name = /jc\.attach\("([\w.-]+)"\)/.exec(source)?.[1] ?? null;
  const bare = (text: string) => text.replace(/\s+/g, '');
  return name !== null && bare(source) === bare(codeFor(name)) ? name : null;
}
