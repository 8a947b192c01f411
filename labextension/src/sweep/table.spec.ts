import { nullTranslator } from '@jupyterlab/translation';
import { describe, expect, it } from 'vitest';

import type { ISweepApi } from '../tokens';
import type { ISweepRow, ISweepView, Shown } from '../wire';
import { SweepModel } from './model';
import { folderOf } from './places';
import * as table from './table';

const trans = nullTranslator.load('jupyter_continuum');

function row(run: number, fields: Partial<ISweepRow> = {}): ISweepRow {
  return {
    run,
    status: 'completed',
    parameters: [run],
    outputs: {},
    error: '',
    site: 'local',
    started: '',
    seconds: 1,
    energy_kwh: null,
    attempts: 1,
    ...fields
  };
}

function view(fields: Partial<ISweepView> = {}): ISweepView {
  return {
    notebook: 'a.ipynb',
    parameters: ['n'],
    fixed: {},
    total: 3,
    ended: 0,
    digits: 1,
    going: true,
    running: [],
    left: '',
    rows: [],
    since: '',
    ...fields
  };
}

const waiting = { status: 'waiting', seconds: null, attempts: 0, site: '' };

describe('the table', () => {
  it('has no column that no run fills', () => {
    const keys = (rows: ISweepRow[]) =>
      table.columnsOf(view(), rows, trans).map(column => column.key);
    expect(keys([row(1)])).toEqual([
      'run',
      'status',
      'params.n',
      'seconds',
      'site'
    ]);
    expect(
      keys([
        row(1, { outputs: { __proto__x: 1 } }),
        row(2, { energy_kwh: 1, attempts: 2, error: 'x' })
      ])
    ).toEqual([
      'run',
      'status',
      'params.n',
      'outputs.__proto__x',
      'seconds',
      'energy',
      'site',
      'attempts',
      'error'
    ]);
  });

  it('sorts numbers before text, and what is unknown last either way', () => {
    const values: Shown[] = ['x10', null, 2, 'x9', -1];
    const rows = values.map((value, at) =>
      row(at + 1, { parameters: [value] })
    );
    const columns = table.columnsOf(view(), rows, trans);
    const by = (descending: boolean) =>
      table
        .sorted(rows, columns, { key: 'params.n', descending })
        .map(it => it.parameters[0]);
    expect(by(false)).toEqual([-1, 2, 'x9', 'x10', null]);
    expect(by(true)).toEqual(['x10', 'x9', 2, -1, null]);
  });

  it('finds rows in which every word is somewhere', () => {
    const rows = [row(1, { error: 'It did NOT converge' }), row(20), row(2)];
    const columns = table.columnsOf(view(), rows, trans);
    const found = (status: string, text: string) =>
      table.filtered(rows, columns, status, text).map(it => it.run);
    expect(found('', '')).toEqual([1, 20, 2]);
    expect(found('', ' not  it ')).toEqual([1]);
    expect(found('', '2 local')).toEqual([20, 2]);
    expect(found('failed', '')).toEqual([]);
  });
});

describe('the model', () => {
  class Api implements ISweepApi {
    readonly asked: string[] = [];
    constructor(private readonly answers: ISweepView[]) {}
    async sweep(_: string, since: string): Promise<ISweepView> {
      this.asked.push(since);
      const answer = this.answers.shift();
      if (answer === undefined) {
        throw new Error('gone');
      }
      return answer;
    }
  }
  const rows = [row(1), row(2, waiting), row(3, waiting)];
  const first = view({ rows, ended: 1, since: '7', running: [2] });

  it('takes in what is new, and knows which runs are under way', async () => {
    const api = new Api([
      first,
      view({ rows: [row(2)], ended: 2, since: '8' })
    ]);
    const model = new SweepModel(api, 'a-sweep');
    await model.refresh();
    const said = () => model.rows.map(it => it.status);
    expect(said()).toEqual(['completed', 'running', 'waiting']);
    await model.refresh();
    expect(said()).toEqual(['completed', 'completed', 'waiting']);
    expect(api.asked).toEqual(['', '7']);
    expect(model.notebookOf(model.rows[1])).toBe('a-sweep/notebooks/2.ipynb');
  });

  it.each([
    ['a record is gone', view({ ended: 0, since: '8' })],
    ['another sweep is there', view({ total: 5, ended: 1, since: '8' })]
  ])('begins anew when %s', async (_, later) => {
    const api = new Api([first, later, view({ rows: [row(1)], ended: 1 })]);
    const model = new SweepModel(api, 'a');
    await model.refresh();
    await model.refresh();
    expect(api.asked).toEqual(['', '7', '']);
    expect(model.rows).toHaveLength(1);
  });

  it('keeps what it knows when the server is away', async () => {
    const model = new SweepModel(new Api([first]), 'a');
    await model.refresh();
    await expect(model.refresh()).rejects.toThrow('gone');
    expect(model.trouble).toBe('gone');
    expect(model.rows).toHaveLength(3);
  });
});

describe('the folder that is opened', () => {
  const item = (path: string, type: string) => ({
    name: path.split('/').pop() ?? '',
    path,
    type
  });
  it.each([
    [[item('x/a-sweep', 'directory')], 'x/a-sweep'],
    [[item('x/a', 'directory')], null],
    [[item('x/a/runs.csv', 'file')], 'x/a'],
    [[item('x/a/sweep.json', 'file')], 'x/a'],
    [[item('x/a-sweep', 'file')], null],
    [[item('a-sweep', 'directory'), item('b-sweep', 'directory')], null],
    [[], null]
  ])('of %j is %s', (items, folder) => {
    expect(folderOf(items)).toBe(folder);
  });
});
