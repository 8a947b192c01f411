import { geoAzimuthalEqualArea } from 'd3-geo';

/** The map is so large; `europe.ts` is drawn in it. */
export const MAP = { width: 1000, height: 1000 };

/** Lambert's, as official maps of Europe have it (EPSG:3035), on a sphere. */
export const projection = geoAzimuthalEqualArea()
  .rotate([-10, -52])
  .scale(1600)
  .translate([430, 540]);

/** Where it lies on the map, or null when it lies beside it. */
export function place(
  longitude: number | null,
  latitude: number | null
): [number, number] | null {
  const at =
    longitude === null ||
    latitude === null ||
    Math.abs(longitude) > 180 ||
    Math.abs(latitude) > 90
      ? null
      : projection([longitude, latitude]);
  return at &&
    at[0] >= 0 &&
    at[0] <= MAP.width &&
    at[1] >= 0 &&
    at[1] <= MAP.height
    ? at
    : null;
}
