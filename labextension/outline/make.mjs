// Makes src/browse/europe.ts, the outline that the map of Europe is drawn with:
//
//   npm run build:lib && cd outline && npm install && node make.mjs
//
// Its packages are no part of the extension. The data are Natural Earth's, 1:50 million, in the public
// domain, as the npm package world-atlas (ISC) carries them.
import { readFileSync, writeFileSync } from 'node:fs';

import { geoPath } from 'd3-geo';
import { feature, mesh } from 'topojson-client';
import { presimplify, simplify } from 'topojson-simplify';

import { MAP, projection } from '../lib/browse/projection.js';

const LEAST_STERADIANS = 2e-6;
const LEAST_ISLAND = 14;

const atlas = simplify(
  presimplify(
    JSON.parse(
      readFileSync(new URL('node_modules/world-atlas/countries-50m.json', import.meta.url), 'utf8')
    )
  ),
  (LEAST_STERADIANS * 180 * 180) / (Math.PI * Math.PI)
);
const margin = 4;
projection.clipExtent([
  [-margin, -margin],
  [MAP.width + margin, MAP.height + margin]
]);
const draw = geoPath(projection).digits(0);

/** Rings as relative steps, which is half as long; islands that are hardly seen are left out. */
function compact(path, least) {
  return path
    .split('M')
    .filter(Boolean)
    .map(ring => {
      const closed = ring.endsWith('Z');
      const points = ring.replace('Z', '').split('L').map(it => it.split(',').map(Number));
      let area = 0;
      points.forEach(([x, y], at) => {
        const [nextX, nextY] = points[(at + 1) % points.length];
        area += x * nextY - nextX * y;
      });
      if (closed && Math.abs(area) / 2 < least) {
        return '';
      }
      const steps = points
        .slice(1)
        .map(([x, y], at) => [x - points[at][0], y - points[at][1]])
        .filter(([x, y]) => x || y)
        .map(([x, y]) => `${x},${y}`)
        .join(' ')
        .replaceAll(/,-/g, '-')
        .replaceAll(/ -/g, '-');
      return steps && `M${points[0]}l${steps}${closed ? 'Z' : ''}`;
    })
    .join('');
}

const { countries, land } = atlas.objects;
const borders = mesh(atlas, countries, (a, b) => a !== b);
writeFileSync(
  new URL('../src/browse/europe.ts', import.meta.url),
  `/** Made by outline/make.mjs from Natural Earth's public domain data; not written by hand. */
export const LAND =
  '${compact(draw(feature(atlas, land)), LEAST_ISLAND)}';
export const BORDERS =
  '${compact(draw(borders), 0)}';
`
);
