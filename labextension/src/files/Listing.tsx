import type { TranslationBundle } from '@jupyterlab/translation';
import {
  type KeyboardEvent,
  memo,
  useLayoutEffect,
  useMemo,
  useRef,
  useState
} from 'react';

import type { IFiles } from '../wire';
import { Entry } from './Entry';
import { below, besides, ROW_PX, scrolledTo, SPARE, windowAt } from './view';

export interface IListingProps {
  readonly found: IFiles;
  readonly onOpen: (path: string) => void;
  readonly onFetch: (path: string) => void;
  readonly trans: TranslationBundle;
}

/**
 * A folder's entries, of which only those in sight are drawn: there may be 2000. Arrows go from
 * one to the next, Tab goes past them.
 */
export const Listing = memo(
  function Listing({ found, onOpen, onFetch, trans }: IListingProps) {
    const { files, path } = found;
    const grid = useRef<HTMLDivElement>(null);
    const [first, setFirst] = useState(0);
    const [active, setActive] = useState(() => besides(files, -1, 1));
    const wanted = useRef(-1);
    const now = useMemo(() => new Date(), [found]);
    useLayoutEffect(() => {
      if (wanted.current >= 0) {
        const row = `[data-index="${wanted.current}"] button`;
        grid.current?.querySelector<HTMLElement>(row)?.focus();
        wanted.current = -1;
      }
    });
    const go = (index: number) => {
      const box = grid.current;
      if (box !== null && index >= 0) {
        box.scrollTop = scrolledTo(index, box.scrollTop, box.clientHeight);
        wanted.current = index;
        setFirst(windowAt(box.scrollTop));
        setActive(index);
      }
    };
    const seen = files.slice(first, first + SPARE);
    const stop = active >= first && active < first + SPARE ? active : first;
    return (
      <div
        ref={grid}
        className="jp-Continuum-listing"
        role="grid"
        aria-label={
          path
            ? trans.__('Files in %1', path)
            : trans.__('Files in the home folder')
        }
        aria-rowcount={files.length + 1}
        onScroll={event => setFirst(windowAt(event.currentTarget.scrollTop))}
        onKeyDown={event => {
          const to = rowFor(event, found, active);
          if (to !== undefined) {
            event.preventDefault();
            go(to);
          } else {
            moveWithin(event);
          }
        }}
        onFocus={event => {
          const row = event.target.closest<HTMLElement>('[data-index]');
          setActive(Number(row?.dataset.index ?? active));
        }}
      >
        <div role="row" aria-rowindex={1} className="jp-Continuum-fileHead">
          <span role="columnheader">{trans.__('Name')}</span>
          <span role="columnheader">{trans.__('Size')}</span>
          <span role="columnheader">{trans.__('Changed')}</span>
          <span role="columnheader">{trans.__('Fetch')}</span>
        </div>
        <div
          role="rowgroup"
          style={{
            boxSizing: 'border-box',
            height: files.length * ROW_PX,
            paddingTop: first * ROW_PX
          }}
        >
          {seen.map((file, at) => (
            <Entry
              key={first + at}
              file={file}
              index={first + at}
              path={below(path, file.name)}
              isStop={first + at === stop}
              now={now}
              onOpen={onOpen}
              onFetch={onFetch}
              trans={trans}
            />
          ))}
        </div>
      </div>
    );
  },
  // How far a fetch is changes often, and a folder is not drawn anew for it.
  (before, after) => before.found === after.found
);

/** The row that a key goes to; undefined when it goes to none. */
function rowFor(
  event: KeyboardEvent,
  { files }: IFiles,
  active: number
): number | undefined {
  switch (event.key) {
    case 'ArrowUp':
      return besides(files, active, -1);
    case 'ArrowDown':
      return besides(files, active, 1);
    case 'Home':
      return besides(files, -1, 1);
    case 'End':
      return besides(files, files.length, -1);
  }
  return undefined;
}

/** Left and right go to the buttons of one row. */
function moveWithin(event: KeyboardEvent): void {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const target = event.target as HTMLButtonElement;
  const buttons = target.closest('[data-index]')?.querySelectorAll('button');
  if (step !== undefined && buttons) {
    const all = Array.from(buttons);
    event.preventDefault();
    all[all.indexOf(target) + step]?.focus();
  }
}
