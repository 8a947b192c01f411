/** Files of a sweep that somebody may open. Pure. */
import { PathExt } from '@jupyterlab/coreutils';

/** What the sweep is; every sweep has it. */
export const SWEEP = 'sweep.json';
/** The table of its runs. */
export const TABLE = 'runs.csv';

/** The sweep's folder that somebody has selected, or a file of; null for anything else. */
export function folderOf(
  items: readonly {
    readonly name: string;
    readonly path: string;
    readonly type: string;
  }[]
): string | null {
  if (items.length !== 1) {
    return null;
  }
  const [{ name, path, type }] = items;
  if (type === 'directory') {
    return name.endsWith('-sweep') ? path : null;
  }
  return name === SWEEP || name === TABLE ? PathExt.dirname(path) : null;
}
