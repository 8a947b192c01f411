import { bytes } from '../format';
import type { IFetch, IFile } from '../wire';

/** Paths, and how a listing and a fetch read. Pure. */

/** What lies in `folder` under this name; '' is where a login would be. */
export function below(folder: string, name: string): string {
  return folder === '' || folder.endsWith('/')
    ? `${folder}${name}`
    : `${folder}/${name}`;
}

/** The last part of a path. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Height of an entry in a listing, as `style/files.css` has it. */
export const ROW_PX = 36;
/** Entries that are drawn: those in sight, and some before and after them. */
export const SPARE = 20;
const BEFORE = 5;

/** The first entry that is drawn when a listing is scrolled so far. */
export function windowAt(scrollTop: number): number {
  return Math.max(0, Math.floor(scrollTop / ROW_PX) - BEFORE);
}

/** How far a listing of this height is scrolled when an entry has come into sight. */
export function scrolledTo(index: number, top: number, height: number): number {
  const at = index * ROW_PX;
  return Math.max(Math.min(top, at), at + ROW_PX - height);
}

/** The next entry that something can be done with, in one direction; -1 when there is none. */
export function besides(
  files: readonly Pick<IFile, 'opens' | 'fetchable'>[],
  from: number,
  step: 1 | -1
): number {
  let at = from + step;
  while (at in files && !files[at].opens && !files[at].fetchable) {
    at += step;
  }
  return at in files ? at : -1;
}

/** A folder of the file browser as the server's disk has it; its root for other drives. */
export function folderHere(path: string): string {
  const [, drive, folder] = /^(?:([^/:]*):)?(.*)$/s.exec(path) ?? [];
  return drive === undefined || drive === 'RTC' ? (folder ?? '') : '';
}

/** Today's time, this year's day, else month and year. */
export function when(iso: string, now: Date): string {
  const then = new Date(iso);
  if (then.toDateString() === now.toDateString()) {
    return then.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  }
  return then.toLocaleDateString(
    [],
    then.getFullYear() === now.getFullYear()
      ? { day: 'numeric', month: 'short' }
      : { month: 'short', year: 'numeric' }
  );
}

/** How much of a file has come, in per cent; null before its size is known. */
export function percent(of: Pick<IFetch, 'done' | 'total'>): number | null {
  if (of.total === null) {
    return null;
  }
  return of.total === 0 ? 100 : Math.floor((100 * of.done) / of.total);
}

/** `12 MB / 40 MB · 30 %`; '' before its size is known. */
export function progress(of: Pick<IFetch, 'done' | 'total'>): string {
  return of.total === null
    ? ''
    : `${bytes(of.done)} / ${bytes(of.total)} · ${percent(of)} %`;
}
