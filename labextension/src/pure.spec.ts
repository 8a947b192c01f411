import { describe, expect, it } from 'vitest';

import * as format from './format';
import {
  devicesBySite,
  groupName,
  matching,
  memoryOf,
  tally,
  workersPerJob
} from './select';
import type { ICluster, IGroup, IOffer, ISite, IWait } from './wire';

const trans = {
  __: (text: string, ...args: unknown[]) =>
    text.replace(/%(\d)/g, (_, n) => String(args[Number(n) - 1]))
} as unknown as Parameters<typeof format.expectedWait>[1];

describe('format', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [999_499, '999 kB'],
    [999_950, '1.0 MB'],
    [48_120_000, '48.1 MB'],
    [-5, '0 B']
  ])('%d bytes are %s', (count, text) => {
    expect(format.bytes(count)).toBe(text);
  });

  it.each([
    [0, '0 min'],
    [90, '1 h 30 min'],
    [1440, '24 h'],
    [2880, '48 h'],
    [10_080, '7 d']
  ])('%d minutes are %s', (count, text) => {
    expect(format.minutes(count)).toBe(text);
  });

  it.each([
    ['measured', 'Half of such jobs waited 12 min (a source).'],
    ['estimated', 'A wait of ~12 min is expected (a source).'],
    ['stated', 'A wait of 12 min is expected (a source).']
  ])('says a wait that is %s', (kind, text) => {
    const wait = { kind, median: 720, source: 'a source' } as IWait;
    expect(format.expectedWait(wait, trans)).toBe(text);
    expect(format.expectedWait({ ...wait, median: null }, trans)).toBe('');
  });

  it('leaves a country code that is none as it is', () => {
    expect(format.countryName('not a code')).toBe('not a code');
  });
});

const offer = (name: string, gpu: string | null = null) =>
  ({
    id: name,
    name,
    gpu_model: gpu,
    gpu_vendor: null,
    gpus_per_node: null
  }) as IOffer;
const site = (name: string, state: string, offers: IOffer[]) =>
  ({
    id: name,
    name,
    state,
    offers,
    country: 'FI',
    operator: null,
    kind: 'hpc'
  }) as unknown as ISite;

describe('matching', () => {
  const sites = [
    site('Zeta', 'ready', [offer('cpu'), offer('gpu', 'A100')]),
    site('Alpha', 'catalogued', [offer('cpu')]),
    site('Beta', 'unreachable', [])
  ];
  const names = (words: string, gpusOnly = false) =>
    matching(sites, { words, gpusOnly }).map(it => it.name);

  it('puts connected sites first, then goes by name', () => {
    expect(names('')).toEqual(['Beta', 'Zeta', 'Alpha']);
  });

  it('wants every word, wherever it is', () => {
    expect(names('fi a100')).toEqual(['Zeta']);
    expect(names('fi h100')).toEqual([]);
    expect(
      matching(sites, { words: 'a100', gpusOnly: false })[0].offers
    ).toHaveLength(1);
  });

  it('drops what has no GPU when asked to', () => {
    expect(names('', true)).toEqual(['Zeta']);
  });
});

describe('devices', () => {
  const cpu = { device: '', busy_percent: 40, power_watts: null };
  const gpu = { device: '0', busy_percent: 90, power_watts: 300 };
  const silent = { device: '1', busy_percent: null, power_watts: null };
  const clusters = [
    {
      name: 'one',
      groups: [
        { site: 'alpha', workers: [{ name: 'w1', devices: [cpu] }] },
        {
          site: 'beta',
          workers: [
            { name: 'w2', devices: [gpu, silent] },
            { name: 'w3', devices: [] }
          ]
        }
      ]
    },
    {
      name: 'two',
      groups: [{ site: 'alpha', workers: [{ name: 'w1', devices: [cpu] }] }]
    }
  ] as unknown as ICluster[];

  it('stand by site, of all clusters, GPUs first', () => {
    const found = devicesBySite(clusters);
    expect(found.map(it => [it.site, it.devices.length])).toEqual([
      ['beta', 2],
      ['alpha', 2]
    ]);
    expect(new Set(found[1].devices.map(it => it.key)).size).toBe(2);
  });

  it('add up what is known alone', () => {
    const [beta, alpha] = devicesBySite(clusters);
    expect([beta.busyPercent, beta.powerWatts]).toEqual([90, 300]);
    expect([alpha.busyPercent, alpha.powerWatts]).toEqual([40, null]);
  });
});

describe('groups', () => {
  const group = {
    workers: [
      {
        state: 'queued',
        reason: '',
        memory_bytes: null,
        memory_limit_bytes: null
      },
      { state: 'ready', reason: '', memory_bytes: 2, memory_limit_bytes: 8 },
      {
        state: 'queued',
        reason: 'Priority',
        memory_bytes: null,
        memory_limit_bytes: null
      }
    ]
  } as unknown as IGroup;

  it('are counted by state, with the reason they share', () => {
    expect(tally(group)).toEqual([
      { state: 'queued', count: 2, reason: 'Priority' },
      { state: 'ready', count: 1, reason: '' }
    ]);
  });

  it('add up to the memory of a cluster, unknown left out', () => {
    expect(memoryOf({ groups: [group, group] } as unknown as ICluster)).toEqual(
      {
        used: 4,
        limit: 16
      }
    );
  });

  it('are called what a person calls their site, unless somebody named them', () => {
    const sites = [{ id: 'lumi', name: 'LUMI' }] as ISite[];
    const called = (name: string, at = 'lumi') =>
      groupName(sites, { name, site: at });
    expect(called('lumi')).toBe('LUMI');
    expect(called('lumi-2')).toBe('LUMI 2');
    expect(called('lumi-big')).toBe('lumi-big');
    expect(called('mine')).toBe('mine');
    expect(called('unheard', 'unheard')).toBe('unheard');
  });

  it('bring one worker per GPU and node', () => {
    expect(workersPerJob({ gpus_per_node: 4 } as IOffer, 2)).toBe(8);
    expect(workersPerJob(undefined, 3)).toBe(3);
  });
});
