import type { TranslationBundle } from '@jupyterlab/translation';

import type { ITold, IWait } from './wire';

/** Numbers and claims as a person reads them. Pure. */

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** `1234567` as `1.2 MB`. */
export function bytes(count: number): string {
  let value = Math.max(0, count);
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.5 ? 0 : 1;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

/** `90` minutes as `1 h 30 min`; in days from three days on. */
export function minutes(count: number): string {
  const days = count < 4320 ? 0 : Math.floor(count / 1440);
  const hours = Math.floor((count - days * 1440) / 60);
  const rest = Math.round(count % 60);
  const parts = [
    days ? `${days} d` : '',
    hours ? `${hours} h` : '',
    rest ? `${rest} min` : ''
  ].filter(part => part);
  return parts.join(' ') || '0 min';
}

/** Seconds as `45 s` or in minutes and hours. */
export function seconds(value: number): string {
  return value < 60
    ? `${Math.round(value)} s`
    : minutes(Math.round(value / 60));
}

/** What earlier jobs waited, or what somebody says of the next one; '' when it is unknown. */
export function expectedWait(wait: IWait, trans: TranslationBundle): string {
  if (wait.median === null) {
    return '';
  }
  const long = seconds(wait.median);
  return wait.kind === 'measured'
    ? trans.__('Half of such jobs waited %1 (%2).', long, wait.source)
    : wait.kind === 'estimated'
      ? trans.__('A wait of ~%1 is expected (%2).', long, wait.source)
      : trans.__('A wait of %1 is expected (%2).', long, wait.source);
}

/** `~0.28 kWh`: what is estimated says so; '' when it is unknown. */
export function amount(
  of: { readonly value: number | null; readonly kind: string },
  unit: string
): string {
  if (of.value === null) {
    return '';
  }
  const about = of.kind === 'estimated' ? '~' : '';
  const value = of.value.toLocaleString(undefined, {
    maximumSignificantDigits: 3
  });
  return `${about}${value}\u00a0${unit}`;
}

/** A unit that allocations are counted in: `1 GPU-hour`, `8 core-hours`. */
export function unitName(value: number | null, unit: string): string {
  return value === 1 ? unit : `${unit}s`;
}

/** `684` watts as `684 W`, `2140` as `2.1 kW`. */
export function watts(value: number): string {
  return value < 999.5
    ? `${value.toFixed(0)} W`
    : `${(value / 1000).toFixed(1)} kW`;
}

const plain = new Intl.NumberFormat();

/** `13824` as `13,824`, in the browser's way; what cannot be right stays short. */
export function count(value: number): string {
  return Math.abs(value) < 1e15 ? plain.format(value) : value.toExponential(1);
}

/** A time today as `14:02`, another day with its date. */
export function clock(iso: string, now: Date = new Date()): string {
  const then = new Date(iso);
  const time = then.toLocaleTimeString([], {
    hour: '2-digit',
    minute: '2-digit'
  });
  return then.toDateString() === now.toDateString()
    ? time
    : `${then.toLocaleDateString([], {
        day: 'numeric',
        month: 'short',
        ...(then.getFullYear() === now.getFullYear() ? {} : { year: 'numeric' })
      })}, ${time}`;
}

/** The day `2026-11-25` in the browser's way. */
export function day(iso: string): string {
  const then = new Date(`${iso}T00:00:00`);
  return Number.isNaN(then.getTime())
    ? iso
    : then.toLocaleDateString([], {
        day: 'numeric',
        month: 'short',
        year: 'numeric'
      });
}

let regions: Intl.DisplayNames | undefined;

/** `FI` as `Finland`; the code itself when nobody knows it. */
export function countryName(code: string): string {
  // Made once, since that takes longer than to use it.
  regions ??= new Intl.DisplayNames(undefined, { type: 'region' });
  try {
    return regions.of(code) ?? code;
  } catch (error) {
    if (error instanceof RangeError) {
      return code;
    }
    throw error;
  }
}

/** What a record says; a value that nobody vouches for says so. */
export function told(said: ITold | null, unknown: string, unit = ''): string {
  if (said === null) {
    return unknown;
  }
  const value = said.value;
  const text = typeof value === 'object' ? value.join(', ') : String(value);
  const doubt = ['unverified', 'expired'].includes(said.kind);
  return `${text}${unit}${doubt ? ` (${said.kind})` : ''}`;
}

/** Who says so, and when. */
export function sourceOf(said: ITold | null): string {
  return said === null
    ? ''
    : [said.kind, said.source, said.date].filter(Boolean).join(' · ');
}
