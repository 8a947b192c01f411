import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import type { PartialJSONObject } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';

import { type IFilter, NO_FILTER } from './rows';

/** The key of JupyterLab's settings that they are kept under. */
const KEY = 'filters';

export interface INamedFilter {
  readonly name: string;
  readonly filter: IFilter;
}

/** The person's filters, by name; kept in JupyterLab's settings, so that they survive a restart. */
export class SavedFilters {
  constructor(private readonly settings: ISettingRegistry.ISettings) {}

  get changed(): ISignal<unknown, void> {
    return this.settings.changed;
  }

  /** By name, as far as what stands in the settings is a filter. */
  get all(): readonly INamedFilter[] {
    return Object.entries(this.kept())
      .map(([name, kept]) => ({ name, filter: filterOf(kept) }))
      .sort((a, b) => a.name.localeCompare(b.name));
  }

  async save(name: string, filter: IFilter): Promise<void> {
    await this.settings.set(KEY, { ...this.kept(), [name]: asked(filter) });
  }

  async remove(name: string): Promise<void> {
    const { [name]: _, ...rest } = this.kept();
    await this.settings.set(KEY, rest);
  }

  private kept(): PartialJSONObject {
    const { composite } = this.settings.get(KEY);
    return isObject(composite) ? composite : {};
  }
}

/** What is asked for, and nothing else. */
export function asked(filter: IFilter): PartialJSONObject {
  return Object.fromEntries(
    Object.entries(filter).filter(
      ([key, value]) => value !== NO_FILTER[key as keyof IFilter]
    )
  );
}

/** What was asked for; a person may have edited it, so what is of another type asks for nothing. */
export function filterOf(kept: unknown): IFilter {
  const known = isObject(kept) ? kept : {};
  const text = (key: keyof IFilter) =>
    typeof known[key] === 'string' ? (known[key] as string) : '';
  const number = (key: keyof IFilter) =>
    typeof known[key] === 'number' ? (known[key] as number) : null;
  return {
    words: text('words'),
    site: text('site'),
    country: text('country'),
    vendor: text('vendor'),
    gpuMemoryGb: number('gpuMemoryGb'),
    maxEur: number('maxEur'),
    maxGrams: number('maxGrams'),
    readyNow: known.readyNow === true
  };
}

/** True when both ask for the same. */
export function asksSame(a: IFilter, b: IFilter): boolean {
  return (Object.keys(NO_FILTER) as (keyof IFilter)[]).every(
    key => a[key] === b[key]
  );
}

function isObject(value: unknown): value is PartialJSONObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
