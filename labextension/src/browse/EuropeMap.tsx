import type { TranslationBundle } from '@jupyterlab/translation';
import {
  type KeyboardEvent,
  memo,
  useCallback,
  useMemo,
  useRef,
  useState
} from 'react';

import { countryName } from '../format';
import type { ISite } from '../wire';
import { type Access, accessWord, siteAccess, TONES } from './access';
import { BORDERS, LAND } from './europe';
import { type IMark, marks, shape, step } from './marks';
import { MAP } from './projection';

export interface IEuropeMapProps {
  readonly sites: readonly ISite[];
  /** The site whose offers the table shows alone, or ''. */
  readonly site: string;
  /** Sites with an offer that is all that is asked for. */
  readonly found: ReadonlySet<ISite>;
  readonly trans: TranslationBundle;
  readonly onChoose: (site: string) => void;
}

/**
 * Where the sites are. It is one stop of the Tab key, arrows go to the next site in their direction
 * and PageDown to each in turn; those whose place is not known are listed below.
 */
export const EuropeMap = memo(function EuropeMap(
  props: IEuropeMapProps
): JSX.Element {
  const { sites, site: chosen, found, trans, onChoose } = props;
  const all = useMemo(() => marks(sites), [sites]);
  const rest = useMemo(() => {
    const placed = new Set(all.map(mark => mark.site.id));
    return sites.filter(site => !placed.has(site.id));
  }, [sites, all]);
  const svg = useRef<SVGSVGElement>(null);
  const [at, setAt] = useState('');
  const [pointed, setPointed] = useState('');
  // The one that the Tab key comes to.
  const stop =
    all.find(mark => mark.site.id === at) ??
    all.find(mark => mark.site.id === chosen) ??
    all[0];

  const onKeyDown = useCallback(
    (event: KeyboardEvent, mark: IMark) => {
      if (event.key === 'Enter' || event.key === ' ') {
        event.preventDefault();
        onChoose(mark.site.id);
        return;
      }
      const next = step(all, mark, event.key);
      if (next) {
        event.preventDefault();
        event.stopPropagation();
        setAt(next.site.id);
        svg.current
          ?.querySelector<SVGGElement>(
            `[data-mark="${CSS.escape(next.site.id)}"]`
          )
          ?.focus();
      }
    },
    [all, onChoose]
  );
  const named = all.find(mark => mark.site.id === (pointed || at || chosen));

  return (
    <section
      className="jp-Continuum-map"
      aria-label={trans.__('Sites on the map')}
    >
      <svg
        ref={svg}
        viewBox={`0 0 ${MAP.width} ${MAP.height}`}
        role="group"
        aria-label={trans.__('Map of Europe; arrow keys go from site to site')}
      >
        <path className="jp-Continuum-mapLand" d={LAND} aria-hidden="true" />
        <path
          className="jp-Continuum-mapBorders"
          d={BORDERS}
          aria-hidden="true"
        />
        {all.map(mark => (
          <Mark
            key={mark.site.id}
            mark={mark}
            isFound={found.has(mark.site)}
            isChosen={mark.site.id === chosen}
            isStop={mark === stop}
            trans={trans}
            onChoose={onChoose}
            onKeyDown={onKeyDown}
            onFocus={setAt}
            onPoint={setPointed}
          />
        ))}
        {named && <Label mark={named} />}
      </svg>
      <Legend trans={trans} />
      {rest.length > 0 && (
        <>
          <h3 className="jp-Continuum-listTitle">
            {trans.__('Not on the map')}
          </h3>
          <ul className="jp-Continuum-mapRest">
            {rest.map(site => (
              <Unplaced
                key={site.id}
                site={site}
                isFound={found.has(site)}
                isChosen={site.id === chosen}
                trans={trans}
                onChoose={onChoose}
              />
            ))}
          </ul>
        </>
      )}
      <p className="jp-Continuum-mapCredit">
        {trans.__('Outline: Natural Earth. Places are approximate.')}
      </p>
    </section>
  );
});

/** Drawn again when it changes: a letter in the filter changes few of many. */
const Mark = memo(function Mark(props: {
  readonly mark: IMark;
  readonly isFound: boolean;
  readonly isChosen: boolean;
  readonly isStop: boolean;
  readonly trans: TranslationBundle;
  readonly onChoose: (site: string) => void;
  readonly onKeyDown: (event: KeyboardEvent, mark: IMark) => void;
  readonly onFocus: (site: string) => void;
  readonly onPoint: (site: string) => void;
}): JSX.Element {
  const { mark, trans, onFocus, onPoint } = props;
  const { id } = mark.site;
  return (
    <g
      className="jp-Continuum-mark"
      data-mark={id}
      data-tone={TONES[mark.access]}
      data-found={props.isFound}
      role="button"
      aria-pressed={props.isChosen}
      aria-label={nameOf(mark, trans)}
      tabIndex={props.isStop ? 0 : -1}
      transform={`translate(${Math.round(mark.x)} ${Math.round(mark.y)})`}
      onClick={() => props.onChoose(id)}
      onKeyDown={event => props.onKeyDown(event, mark)}
      onFocus={() => onFocus(id)}
      onBlur={() => onFocus('')}
      onPointerEnter={() => onPoint(id)}
      onPointerLeave={() => onPoint('')}
    >
      <circle className="jp-Continuum-markTarget" r={38} />
      <path d={shape(mark.access, mark.radius)} />
    </g>
  );
});

/** A site whose place is not known. */
const Unplaced = memo(function Unplaced(props: {
  readonly site: ISite;
  readonly isFound: boolean;
  readonly isChosen: boolean;
  readonly trans: TranslationBundle;
  readonly onChoose: (site: string) => void;
}): JSX.Element {
  const { site, trans } = props;
  return (
    <li>
      <button
        type="button"
        className="jp-Continuum-mapSite"
        aria-pressed={props.isChosen}
        data-found={props.isFound}
        title={accessWord(siteAccess(site.state), trans)}
        onClick={() => props.onChoose(site.id)}
      >
        <Sign of={siteAccess(site.state)} />
        <span>{site.name}</span>
      </button>
    </li>
  );
});

function nameOf(mark: IMark, trans: TranslationBundle): string {
  const { site, access, free } = mark;
  return [
    site.name,
    site.country && countryName(site.country),
    accessWord(access, trans),
    free && trans.__('%1 free', free)
  ]
    .filter(Boolean)
    .join(', ');
}

function Label({ mark }: { readonly mark: IMark }): JSX.Element {
  const { site, free, x, y, radius } = mark;
  const left = x > MAP.width * 0.6;
  return (
    <text
      className="jp-Continuum-markLabel"
      aria-hidden="true"
      x={x + (left ? -1 : 1) * (radius + 12)}
      y={y}
      textAnchor={left ? 'end' : 'start'}
    >
      {site.name}
      {free ? ` · ${free}` : ''}
    </text>
  );
}

/** The shape of a state, as it is on the map. */
function Sign({ of }: { readonly of: Access }): JSX.Element {
  return (
    <svg
      className="jp-Continuum-sign"
      data-tone={TONES[of]}
      viewBox="-24 -24 48 48"
      aria-hidden="true"
    >
      <path d={shape(of, 18)} />
    </svg>
  );
}

const STATES: readonly Access[] = [
  'ready',
  'sign-in',
  'connect',
  'unknown',
  'closed'
];

function Legend({ trans }: { readonly trans: TranslationBundle }): JSX.Element {
  return (
    <p className="jp-Continuum-mapLegend">
      {STATES.map(state => (
        <span key={state}>
          <Sign of={state} />
          {accessWord(state, trans)}
        </span>
      ))}
    </p>
  );
}
