import type { ISite } from '../wire';
import { type Access, siteAccess } from './access';
import { place } from './projection';

/** A site on the map. */
export interface IMark {
  readonly site: ISite;
  readonly access: Access;
  readonly free: string | null;
  readonly x: number;
  readonly y: number;
  readonly radius: number;
}

const SMALLEST = 17;
const LARGEST = 38;
/** Of the largest mark. */
const MOST_FREE = 3000;
/** Between two marks, of which the smaller would else be under the larger. */
const GAP = 6;
const ROUNDS = 40;

/** Sites whose place is known, from west to east; those in one town lie beside each other. */
export function marks(sites: readonly ISite[]): readonly IMark[] {
  const all = sites.flatMap(site => {
    const at = place(site.longitude, site.latitude);
    if (at === null) {
      return [];
    }
    const free = freeOf(site);
    const access = siteAccess(site.state);
    const radius = radiusOf(free?.count ?? null);
    const said = free && `${free.count} ${free.of}`;
    return [{ site, access, free: said, x: at[0], y: at[1], radius }];
  });
  for (let round = 0; round < ROUNDS && apart(all); round++) {
    // Once more: who was moved may lie on another now.
  }
  return all.sort((a, b) => a.x - b.x || a.site.id.localeCompare(b.site.id));
}

/** How many devices of a site are free, or nodes where those are not known; null: not known. */
export function freeOf(
  site: ISite
): { readonly count: number; readonly of: 'GPUs' | 'nodes' } | null {
  const sum = (numbers: readonly (number | null)[]) => {
    const known = numbers.filter(number => number !== null);
    return known.length ? known.reduce((a, b) => a + b, 0) : null;
  };
  const gpus = sum(site.offers.map(offer => offer.gpus_free));
  if (gpus !== null) {
    return { count: gpus, of: 'GPUs' };
  }
  const nodes = sum(site.offers.map(offer => offer.nodes_free));
  return nodes === null ? null : { count: nodes, of: 'nodes' };
}

function radiusOf(free: number | null): number {
  const share = Math.log1p(Math.max(0, free ?? 0)) / Math.log1p(MOST_FREE);
  return SMALLEST + (LARGEST - SMALLEST) * Math.min(1, share);
}

/** Move marks that touch half the way each; false when none did. */
function apart(all: { x: number; y: number; radius: number }[]): boolean {
  let moved = false;
  all.forEach((a, at) => {
    for (const [later, b] of all.slice(at + 1).entries()) {
      const wanted = a.radius + b.radius + GAP;
      const distance = Math.hypot(b.x - a.x, b.y - a.y);
      if (distance < wanted - 0.5) {
        // In the same place they part in directions that differ, and are the same every time.
        const angle = distance ? Math.atan2(b.y - a.y, b.x - a.x) : later * 2.4;
        const by = (wanted - distance) / 2;
        a.x -= Math.cos(angle) * by;
        a.y -= Math.sin(angle) * by;
        b.x += Math.cos(angle) * by;
        b.y += Math.sin(angle) * by;
        moved = true;
      }
    }
  });
  return moved;
}

/** The mark that lies nearest in a direction; what lies aside counts as farther. */
export function neighbour(
  all: readonly IMark[],
  from: IMark,
  key: string
): IMark | null {
  const along: Readonly<Record<string, readonly [number, number]>> = {
    ArrowRight: [1, 0],
    ArrowLeft: [-1, 0],
    ArrowDown: [0, 1],
    ArrowUp: [0, -1]
  };
  const [towardsX, towardsY] = along[key] ?? [0, 0];
  let nearest: IMark | null = null;
  let least = Infinity;
  for (const mark of all) {
    const [x, y] = [mark.x - from.x, mark.y - from.y];
    const ahead = x * towardsX + y * towardsY;
    const cost =
      ahead + 3 * Math.abs(x * towardsY) + 3 * Math.abs(y * towardsX);
    if (ahead > 0 && cost < least) {
      [nearest, least] = [mark, cost];
    }
  }
  return nearest;
}

/** Where a key leads: arrows by direction, the others by place in the list, which has all. */
export function step(
  all: readonly IMark[],
  from: IMark,
  key: string
): IMark | null {
  switch (key) {
    case 'Home':
      return all[0];
    case 'End':
      return all[all.length - 1];
    case 'PageDown':
    case 'PageUp':
      return all[all.indexOf(from) + (key === 'PageDown' ? 1 : -1)] ?? null;
    default:
      return neighbour(all, from, key);
  }
}

/** A path around 0, 0: what is near to being used can be told without its colour. */
export function shape(access: Access, radius: number): string {
  const r = Math.round(radius);
  switch (access) {
    case 'ready':
      return circle(r);
    case 'connect':
      return circle(r - 2);
    case 'sign-in':
      return polygon(3, r * 1.2);
    case 'closed':
      return polygon(4, r, Math.PI / 4);
    case 'unknown':
      return polygon(4, r * 1.15);
  }
}

function circle(r: number): string {
  return `M${-r},0a${r},${r} 0 1 0 ${2 * r},0a${r},${r} 0 1 0 ${-2 * r},0Z`;
}

function polygon(corners: number, r: number, turned = 0): string {
  const points = Array.from({ length: corners }, (_, corner) => {
    const angle = turned - Math.PI / 2 + (2 * Math.PI * corner) / corners;
    return `${Math.round(Math.cos(angle) * r)},${Math.round(Math.sin(angle) * r)}`;
  });
  return `M${points.join('L')}Z`;
}
