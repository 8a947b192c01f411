import { expect, it } from 'vitest';

import type { ISite } from '../wire';
import { freeOf, marks, neighbour, step } from './marks';

function site(
  id: string,
  latitude: number | null,
  longitude: number | null,
  gpus: readonly (number | null)[] = []
): ISite {
  const offers = gpus.map(gpus_free => ({ gpus_free, nodes_free: 7 }));
  return {
    id,
    latitude,
    longitude,
    state: 'ready',
    offers
  } as unknown as ISite;
}

const LUMI = site('lumi', 64.23, 27.73);
const VEGA = site('vega', 46.56, 15.65);
const MARENOSTRUM = site('marenostrum5', 41.39, 2.12);

it('has only sites whose place is known and on the map', () => {
  const sites = [VEGA, site('cloud', null, null), site('far', -33.9, 151.2)];
  expect(marks(sites).map(mark => mark.site.id)).toEqual(['vega']);
});

it('puts north above and east to the right', () => {
  const [west, middle, east] = marks([LUMI, VEGA, MARENOSTRUM]);
  expect([west, middle, east].map(mark => mark.site.id)).toEqual([
    'marenostrum5',
    'vega',
    'lumi'
  ]);
  expect(east.y).toBeLessThan(middle.y);
  expect(middle.y).toBeLessThan(west.y);
});

it('parts sites of one town, the same way every time', () => {
  const town = ['a', 'b', 'c', 'd'].map(id => site(id, 50.9, 6.4));
  const all = marks(town);
  for (const [at, a] of all.entries()) {
    for (const b of all.slice(at + 1)) {
      expect(Math.hypot(a.x - b.x, a.y - b.y)).toBeGreaterThan(
        a.radius + b.radius
      );
    }
  }
  expect(marks(town)).toEqual(all);
});

it('counts what is free, and knows that it does not know', () => {
  expect(freeOf(site('x', 0, 0, [3, null, 4]))).toEqual({
    count: 7,
    of: 'GPUs'
  });
  expect(freeOf(site('x', 0, 0, [null]))).toEqual({ count: 7, of: 'nodes' });
  expect(freeOf(site('x', 0, 0))).toBeNull();
  const sizes = [0, 10, 1e12].map(free => site('x', 50, 6, [free]));
  const radii = sizes.map(each => marks([each])[0].radius);
  expect(radii[0]).toBeLessThan(radii[1]);
  expect(radii[1]).toBeLessThan(radii[2]);
  expect(radii[2]).toBeLessThan(50);
});

it('leads from each site to every other by keys', () => {
  const all = marks([LUMI, VEGA, MARENOSTRUM]);
  const [west, middle, east] = all;
  expect(neighbour(all, west, 'ArrowRight')).toBe(middle);
  expect(neighbour(all, middle, 'ArrowUp')).toBe(east);
  expect(neighbour(all, east, 'ArrowRight')).toBeNull();
  expect(step(all, west, 'End')).toBe(east);
  expect(step(all, east, 'PageUp')).toBe(middle);
  expect(step(all, east, 'PageDown')).toBeNull();
});
