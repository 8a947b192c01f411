import { readFileSync } from 'node:fs';

import { nullTranslator } from '@jupyterlab/translation';
import { describe, expect, it } from 'vitest';

import type { IOffer, ISite } from '../wire';
import { access } from './access';
import { columns, fitting } from './columns';
import { sorted } from './order';
import { ANY_GPU, find, hasNoGpu, NO_FILTER, rowsOf } from './rows';
import { MEMBERS, UNION } from './union';

const UNKNOWN = {
  value: null,
  kind: 'unknown',
  source: '',
  reason: '',
  date: ''
};

function offer(id: string, known: Partial<IOffer> = {}): IOffer {
  return {
    id,
    site: 'x',
    name: id,
    country: null,
    gpu_vendor: null,
    gpu_model: null,
    gpus_per_node: null,
    gpu_memory_gb: null,
    cpus_per_node: null,
    cpu_architecture: null,
    nodes_free: null,
    nodes_total: null,
    jobs_pending: null,
    wait: { ...UNKNOWN, median: null, likely: null, record: '' },
    price_eur: UNKNOWN,
    unit: '',
    units: UNKNOWN,
    left: UNKNOWN,
    carbon_g: UNKNOWN,
    whole_node: null,
    launchable: false,
    reason: '',
    unverified: [],
    ...known
  } as IOffer;
}

function rows(offers: readonly IOffer[], known: Partial<ISite> = {}) {
  const site = {
    id: 'x',
    name: 'X',
    state: 'ready',
    country: 'FI',
    operator: null,
    jurisdiction: null,
    unverified: [],
    offers,
    ...known
  } as unknown as ISite;
  return rowsOf([site]);
}

const ids = (found: readonly { readonly id: string }[]) =>
  found.map(each => each.id);
const all = columns(nullTranslator.load('jupyter_continuum'));
const column = (id: string) => all.find(each => each.id === id)!;
const price = (value: number | null, kind = 'stated') => ({
  ...UNKNOWN,
  value,
  kind
});

describe('finding', () => {
  it('takes every word, by country and model', () => {
    const of = rows([
      offer('x/a', { gpu_model: 'A100' }),
      offer('x/b', { gpu_model: 'MI250X' })
    ]);
    expect(ids(find(of, { ...NO_FILTER, words: 'finland a100' }).rows)).toEqual(
      ['x/a']
    );
  });

  it('leaves out what is unknown or unverified, and counts it', () => {
    const of = rows([
      offer('x/80', { gpus_per_node: 4, gpu_memory_gb: 80 }),
      offer('x/16', { gpus_per_node: 4, gpu_memory_gb: 16 }),
      offer('x/unknown', { gpus_per_node: 4 }),
      offer('x/unverified', {
        gpus_per_node: 4,
        gpu_memory_gb: 80,
        unverified: ['gpu_memory_gb']
      }),
      offer('x/none', { gpus_per_node: 0 })
    ]);
    const found = find(of, { ...NO_FILTER, gpuMemoryGb: 40 });
    expect(ids(found.rows)).toEqual(['x/80']);
    expect(found.unknown).toBe(2);
  });

  it('counts nothing as unknown that fails for a known reason', () => {
    const of = rows([offer('x/a', { launchable: false })]);
    const wanted = { ...NO_FILTER, readyNow: true, maxEur: 1 };
    expect(find(of, wanted)).toEqual({ rows: [], unknown: 0 });
  });

  it('does not let a country that nobody vouches for satisfy', () => {
    const of = rows([offer('x/a')], { unverified: ['country'] });
    expect(find(of, { ...NO_FILTER, country: 'FI' })).toEqual({
      rows: [],
      unknown: 1
    });
  });

  it('finds the members of the European Union, and no country of nobody knows where', () => {
    const of = (country: string | null) => rows([offer('x/a')], { country });
    const found = (country: string | null) =>
      find(of(country), { ...NO_FILTER, country: UNION });
    expect(ids(found('FI').rows)).toEqual(['x/a']);
    expect(found('CH')).toEqual({ rows: [], unknown: 0 });
    expect(found(null)).toEqual({ rows: [], unknown: 1 });
  });

  it('takes the members of the Union that a policy takes', () => {
    const policy = readFileSync(
      new URL('../../../jupyter_continuum/planning/policy.py', import.meta.url),
      'utf8'
    );
    const [, listed] = /^EU = frozenset\(\n(.*?)^\)/ms.exec(policy)!;
    expect(new Set(listed.match(/[A-Z]{2}/g))).toEqual(MEMBERS);
  });

  it('finds what has a GPU, of whatever vendor', () => {
    const of = rows([
      offer('x/counted', { gpus_per_node: 4 }),
      offer('x/named', { gpu_model: 'A100' }),
      offer('x/unverified', {
        gpus_per_node: 4,
        unverified: ['gpus_per_node']
      }),
      offer('x/unknown'),
      offer('x/none', { gpus_per_node: 0 })
    ]);
    const found = find(of, { ...NO_FILTER, vendor: ANY_GPU });
    expect(ids(found.rows)).toEqual(['x/counted', 'x/named']);
    expect(found.unknown).toBe(2);
  });

  it('knows that there is no GPU only when that is known', () => {
    expect(hasNoGpu(offer('x/a'))).toBe(false);
    expect(hasNoGpu(offer('x/a', { gpus_per_node: 0 }))).toBe(true);
    expect(hasNoGpu(offer('x/a', { cpus_per_node: 4 }))).toBe(true);
  });
});

describe('sorting', () => {
  it('puts what is unknown last either way', () => {
    const of = rows([
      offer('x/unknown'),
      offer('x/2', { price_eur: price(2) }),
      offer('x/1', { price_eur: price(1) })
    ]);
    expect(ids(sorted(of, column('price'), false))).toEqual([
      'x/1',
      'x/2',
      'x/unknown'
    ]);
    expect(ids(sorted(of, column('price'), true))).toEqual([
      'x/2',
      'x/1',
      'x/unknown'
    ]);
  });

  it('leaves equal rows in order, either way and again', () => {
    const of = rows([
      offer('x/2', { price_eur: price(2) }),
      offer('x/1', { price_eur: price(1) }),
      offer('x/2b', { price_eur: price(2) })
    ]);
    for (let again = 0; again < 2; again++) {
      const up = sorted(of, column('price'), false);
      expect(ids(up)).toEqual(['x/1', 'x/2', 'x/2b']);
      const down = sorted(of, column('price'), true);
      expect(ids(down)).toEqual(['x/2', 'x/2b', 'x/1']);
    }
  });
});

describe('a cell', () => {
  it('says how sure its value is', () => {
    const [row] = rows([
      offer('x/a', {
        gpu_model: 'A100',
        gpus_per_node: 4,
        unverified: ['gpu_model'],
        price_eur: price(1.5, 'estimated')
      })
    ]);
    expect(column('gpu').cell(row)).toEqual({
      text: '4 × A100',
      certainty: 'unverified'
    });
    expect(column('price').cell(row)).toEqual({
      text: '~1.50',
      certainty: 'estimated'
    });
    expect(column('carbon').cell(row).certainty).toBe('unknown');
  });

  it('never shows a small price as nothing', () => {
    const [row] = rows([offer('x/a', { price_eur: price(0.004) })]);
    expect(column('price').cell(row).text).toBe('0.004');
  });

  it('says that an offer of a ready site is closed', () => {
    const [open, closed] = rows([
      offer('x/a', { launchable: true }),
      offer('x/b')
    ]);
    expect([access(open), access(closed)]).toEqual(['ready', 'closed']);
  });
});

describe('columns', () => {
  it('go by rank when room lacks, and the first stay', () => {
    const kept = fitting(all, 900).map(each => each.id);
    expect(kept).toContain('price');
    expect(kept).not.toContain('jurisdiction');
    expect(fitting(all, 10).map(each => each.id)).toEqual(['site', 'gpu']);
  });
});
