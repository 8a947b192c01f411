import { PromiseDelegate } from '@lumino/coreutils';
import { describe, expect, it } from 'vitest';

import type { IFilesApi } from '../tokens';
import type { IFetch, IFiles } from '../wire';
import { FilesModel } from './model';
import * as view from './view';

const { below, folderHere, nameOf, percent, progress, when } = view;

const folder = (path: string) => ({ path, files: [] }) as unknown as IFiles;
const fetch = (id: string, more: Partial<IFetch> = {}): IFetch => ({
  ...{ id, site: 's', path: '/x/big', target: 'work/big' },
  ...{ state: 'running', reason: '', done: 0, total: null },
  ...more
});
const event = (id: string, more: Partial<IFetch> = {}) => {
  const { state, done, total } = fetch(id, more);
  return { kind: 'fetch', id, state, done, total } as const;
};

function modelOver(api: Partial<IFilesApi>) {
  const model = new FilesModel({
    fetches: async () => [],
    ...api
  } as IFilesApi);
  const ended: IFetch[] = [];
  model.ended.connect((_, it) => ended.push(it));
  return { model, ended };
}

describe('FilesModel', () => {
  it('shows the folder that was asked for last, whichever answers last', async () => {
    const slow = new PromiseDelegate<IFiles>();
    const { model } = modelOver({
      files: async (_, path) => (path === 'slow' ? slow.promise : folder(path))
    });
    const first = model.open('s', 'slow');
    await model.open('s', 'quick');
    slow.resolve(folder('slow'));
    await first;
    expect([model.phase, model.found?.path]).toEqual(['ready', 'quick']);
  });

  it('keeps what was seen when a folder is refused, and not at another site', async () => {
    const { model } = modelOver({
      files: async (_, path) => {
        if (path === 'private') {
          throw new Error('s: private cannot be read.');
        }
        return folder(path);
      }
    });
    await model.open('s', 'a');
    await model.open('s', 'private');
    expect(model.trouble).toBe('s: private cannot be read.');
    expect([model.phase, model.found?.path]).toEqual(['failed', 'a']);
    await model.open('other', 'private');
    expect(model.found).toBeNull();
    await model.open('', '');
    expect([model.phase, model.trouble]).toEqual(['idle', '']);
  });

  it('follows a fetch by its events and tells its end once', async () => {
    const answers = [[fetch('f', { state: 'done', done: 9, total: 9 })]];
    const { model, ended } = modelOver({
      fetch: async () => fetch('f'),
      fetches: async () => answers[0]
    });
    await model.fetch({ site: 's', path: '/x/big' }, 'work', false);
    model.apply(event('f', { done: 3, total: 9 }));
    expect(model.fetches).toEqual([fetch('f', { done: 3, total: 9 })]);
    model.apply(event('f', { state: 'done', done: 9, total: 9 }));
    model.apply(event('f', { state: 'done', done: 9, total: 9 }));
    await Promise.resolve().then(() => undefined);
    expect(model.fetches).toEqual([]);
    expect(ended.map(it => [it.id, it.target])).toEqual([['f', 'work/big']]);
  });

  it('learns of one that another tab began, asking once for all its events', async () => {
    const answer = new PromiseDelegate<IFetch[]>();
    let asked = 0;
    const { model } = modelOver({
      fetches: () => {
        asked += 1;
        return answer.promise;
      }
    });
    model.apply(event('f'));
    model.apply(event('f', { done: 1, total: 9 }));
    answer.resolve([fetch('f', { done: 1, total: 9 }), fetch('old')]);
    await answer.promise.then(() => undefined);
    expect([asked, model.fetches.length]).toEqual([1, 2]);
  });

  it('does not take up again what ended while it was being asked for', async () => {
    const early = new PromiseDelegate<IFetch[]>();
    const answers = [
      early.promise,
      Promise.resolve([fetch('f', { state: 'failed', reason: 'why' })])
    ];
    const { model, ended } = modelOver({
      fetches: () => answers.shift() as Promise<IFetch[]>
    });
    const looking = model.look();
    model.apply(event('f', { state: 'failed' }));
    early.resolve([fetch('f')]);
    await looking;
    await Promise.resolve().then(() => undefined);
    expect(model.fetches).toEqual([]);
    expect(ended.map(it => it.reason)).toEqual(['why']);
  });

  it('knows of none when the broker is lost', async () => {
    const { model } = modelOver({ fetch: async () => fetch('f') });
    await model.fetch({ site: 's', path: '/x/big' }, '', true);
    model.apply({ kind: 'broker', state: 'lost' });
    expect(model.fetches).toEqual([]);
  });
});

describe('paths', () => {
  it.each([
    ['', 'a', 'a'],
    ['/', 'a', '/a'],
    ['x/y', 'a', 'x/y/a']
  ])('%s holds %s as %s', (at, name, path) => {
    expect(below(at, name)).toBe(path);
    expect(nameOf(path)).toBe(name);
  });

  it.each([
    ['', ''],
    ['work/a', 'work/a'],
    ['RTC:work', 'work'],
    ['s3:bucket/x', ''],
    ['work/a:b', 'work/a:b']
  ])('%s of the file browser is %s on disk', (path, here) => {
    expect(folderHere(path)).toBe(here);
  });
});

describe('a listing', () => {
  const files = [false, true, false, true].map(opens => ({
    opens,
    fetchable: false
  }));

  it('goes past entries that nothing can be done with', () => {
    expect(view.besides(files, -1, 1)).toBe(1);
    expect(view.besides(files, 1, 1)).toBe(3);
    expect(view.besides(files, 3, 1)).toBe(-1);
    expect(view.besides(files, 4, -1)).toBe(3);
  });

  it('draws what is in sight of a long one', () => {
    expect(view.windowAt(0)).toBe(0);
    expect(view.scrolledTo(3, 0, 300)).toBe(0);
    const end = view.scrolledTo(1999, 0, 300);
    expect(end).toBe(2000 * view.ROW_PX - 300);
    expect(view.windowAt(end) + view.SPARE).toBeGreaterThanOrEqual(2000);
    expect(view.scrolledTo(0, end, 300)).toBe(0);
  });
});

it('says how much has come', () => {
  expect(progress({ done: 12_345_678, total: 40_000_000 })).toBe(
    '12.3 MB / 40.0 MB · 30 %'
  );
  expect(progress({ done: 0, total: null })).toBe('');
  expect(percent({ done: 0, total: 0 })).toBe(100);
  expect(percent({ done: 999, total: 1000 })).toBe(99);
});

it('dates by how long ago it was', () => {
  const now = new Date(2026, 10, 29, 12);
  const at = (...day: [number, number, number]) =>
    when(new Date(...day, 9, 5).toISOString(), now);
  expect(at(2026, 10, 29)).toMatch(/05/);
  expect(at(2026, 2, 3)).not.toMatch(/2026/);
  expect(at(2024, 2, 3)).toMatch(/2024/);
});
