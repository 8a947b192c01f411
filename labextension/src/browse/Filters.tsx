import type { TranslationBundle } from '@jupyterlab/translation';
import { searchIcon } from '@jupyterlab/ui-components';

import { memo, useMemo } from 'react';

import { countryName } from '../format';
import { ANY_GPU, choices, type IFilter, type IRow, NO_FILTER } from './rows';
import { SavedChoice } from './SavedChoice';
import { asksSame, type SavedFilters } from './saved';
import { UNION } from './union';

/** What is asked for. */
export const Filters = memo(function Filters(props: {
  readonly filter: IFilter;
  readonly rows: readonly IRow[];
  /** Of the one whose offers are shown alone. */
  readonly siteName: string;
  readonly mapShown: boolean;
  /** null: where there are no settings to keep them in. */
  readonly saved: SavedFilters | null;
  readonly trans: TranslationBundle;
  readonly onChange: (filter: IFilter) => void;
  readonly onMap: (shown: boolean) => void;
}): JSX.Element {
  const { filter, rows, trans, onChange } = props;
  const change = (to: Partial<IFilter>) => onChange({ ...filter, ...to });
  const countries = useMemo(
    () => [UNION, ...choices(rows, row => row.country)],
    [rows]
  );
  const vendors = useMemo(
    () => [ANY_GPU, ...choices(rows, row => row.offer.gpu_vendor)],
    [rows]
  );
  return (
    <div
      className="jp-Continuum-filters"
      role="search"
      aria-label={trans.__('Filter offers')}
    >
      <label className="jp-Continuum-search">
        <searchIcon.react tag="span" className="jp-Continuum-searchIcon" />
        <input
          type="search"
          value={filter.words}
          placeholder={trans.__('Search…')}
          title={trans.__('By site, GPU, country or operator')}
          aria-label={trans.__('Search offers')}
          onChange={event => change({ words: event.target.value })}
        />
      </label>
      <button
        type="button"
        className="jp-Continuum-chip"
        aria-pressed={filter.readyNow}
        onClick={() => change({ readyNow: !filter.readyNow })}
      >
        {trans.__('Ready now')}
      </button>
      <button
        type="button"
        className="jp-Continuum-chip"
        aria-pressed={props.mapShown}
        onClick={() => props.onMap(!props.mapShown)}
      >
        {trans.__('Map')}
      </button>
      <Choice
        label={trans.__('Country')}
        any={trans.__('Any country')}
        value={filter.country}
        options={countries}
        named={countryName}
        onChange={country => change({ country })}
      />
      <Choice
        label={trans.__('GPU')}
        any={trans.__('GPU or not')}
        value={filter.vendor}
        options={vendors}
        named={vendor =>
          vendor === ANY_GPU ? trans.__('Any GPU') : vendorName(vendor)
        }
        onChange={vendor => change({ vendor })}
      />
      <Bound
        label={trans.__('GPU memory at least, in GB')}
        before={trans.__('GPU ≥')}
        after={trans.__('GB')}
        value={filter.gpuMemoryGb}
        onChange={gpuMemoryGb => change({ gpuMemoryGb })}
      />
      <Bound
        label={trans.__('Price at most, in EUR per hour')}
        before="≤"
        after={trans.__('EUR/h')}
        value={filter.maxEur}
        onChange={maxEur => change({ maxEur })}
      />
      <Bound
        label={trans.__('Carbon at most, in grams per hour')}
        before="≤"
        after={trans.__('gCO₂e/h')}
        value={filter.maxGrams}
        onChange={maxGrams => change({ maxGrams })}
      />
      {filter.site && (
        <button
          type="button"
          className="jp-Continuum-chip"
          aria-pressed="true"
          title={trans.__('Show the offers of all sites again')}
          onClick={() => change({ site: '' })}
        >
          {props.siteName} ✕
        </button>
      )}
      {props.saved && (
        <SavedChoice
          saved={props.saved}
          filter={filter}
          trans={trans}
          onChange={onChange}
        />
      )}
      {!asksSame(filter, NO_FILTER) && (
        <button
          type="button"
          className="jp-Continuum-textButton"
          onClick={() => onChange(NO_FILTER)}
        >
          {trans.__('Clear')}
        </button>
      )}
    </div>
  );
});

const VENDORS: Readonly<Record<string, string>> = {
  amd: 'AMD',
  intel: 'Intel',
  nvidia: 'NVIDIA'
};

/** As its makers write it. */
function vendorName(vendor: string): string {
  return VENDORS[vendor] ?? vendor;
}

function Choice(props: {
  readonly label: string;
  readonly any: string;
  readonly value: string;
  readonly options: readonly string[];
  readonly named: (option: string) => string;
  readonly onChange: (value: string) => void;
}): JSX.Element {
  return (
    <select
      className="jp-Continuum-choice"
      aria-label={props.label}
      value={props.value}
      data-set={props.value !== ''}
      onChange={event => props.onChange(event.target.value)}
    >
      <option value="">{props.any}</option>
      {props.options.map(option => (
        <option key={option} value={option}>
          {props.named(option)}
        </option>
      ))}
    </select>
  );
}

function Bound(props: {
  readonly label: string;
  readonly before: string;
  readonly after: string;
  readonly value: number | null;
  readonly onChange: (value: number | null) => void;
}): JSX.Element {
  return (
    <label className="jp-Continuum-bound" data-set={props.value !== null}>
      <span aria-hidden="true">{props.before}</span>
      <input
        type="number"
        min={0}
        step="any"
        aria-label={props.label}
        value={props.value ?? ''}
        onChange={event => {
          const value = event.target.valueAsNumber;
          props.onChange(Number.isFinite(value) ? value : null);
        }}
      />
      <span aria-hidden="true">{props.after}</span>
    </label>
  );
}
