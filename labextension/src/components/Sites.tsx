import {
  caretDownIcon,
  caretRightIcon,
  searchIcon
} from '@jupyterlab/ui-components';
import { useEffect, useId, useRef, useState } from 'react';

import * as format from '../format';
import { gpuModels, isConnected, matching } from '../select';
import type { ISite } from '../wire';
import { usePanel } from './context';
import { Credentials } from './Credentials';
import { Offer } from './Offer';
import { Reach } from './Reach';
import { Section } from './Section';
import { Sentence } from './Sentence';
import { Dot, StateWord } from './State';

/** Every site there is, connected ones first. */
export function Sites(): JSX.Element {
  const { model, actions, trans } = usePanel();
  const [words, setWords] = useState('');
  const [gpusOnly, setGpusOnly] = useState(false);
  const shown = matching(model.sites, { words, gpusOnly });
  const connected = shown.filter(isConnected);
  const others = shown.filter(site => !isConnected(site));
  return (
    <Section
      className="jp-Continuum-sites"
      title={trans.__('Sites')}
      summary={
        model.sites.length
          ? trans.__('%1 of %2', shown.length, model.sites.length)
          : ''
      }
    >
      <div className="jp-Continuum-filter">
        <label className="jp-Continuum-search">
          <searchIcon.react tag="span" className="jp-Continuum-searchIcon" />
          <input
            type="search"
            value={words}
            placeholder={trans.__('Search…')}
            title={trans.__('By name, country, operator or GPU')}
            aria-label={trans.__('Search sites and offers')}
            onChange={event => setWords(event.target.value)}
          />
        </label>
        <Chip
          label={trans.__('GPU')}
          title={trans.__('Only offers with GPUs')}
          pressed={gpusOnly}
          onPress={() => setGpusOnly(!gpusOnly)}
        />
        <Chip
          label={trans.__('Retired')}
          title={trans.__('Show sites that are no longer in operation')}
          pressed={model.showRetired}
          onPress={() => model.setShowRetired(!model.showRetired)}
        />
      </div>
      <p className="jp-Continuum-browseLink">
        <button
          type="button"
          className="jp-Continuum-textButton"
          onClick={() => actions.browse()}
        >
          {trans.__('Browse and compare all offers')}
        </button>
        <button
          type="button"
          className="jp-Continuum-textButton"
          onClick={() => actions.connectOwn()}
        >
          {trans.__('Connect your own…')}
        </button>
      </p>
      {model.phase === 'loading' && !model.sites.length && (
        <p className="jp-Continuum-hint" role="status">
          <span className="jp-Continuum-spinner" aria-hidden="true" />
          {trans.__('Asking the broker; the first time it has to be started…')}
        </p>
      )}
      {model.phase === 'ready' && !shown.length && (
        <p className="jp-Continuum-hint">
          {trans.__('No site matches. Try fewer words, or another filter.')}
        </p>
      )}
      <SiteList title={trans.__('Connected')} sites={connected} />
      <SiteList title={trans.__('Catalogue')} sites={others} />
    </Section>
  );
}

function SiteList(props: {
  readonly title: string;
  readonly sites: readonly ISite[];
}): JSX.Element | null {
  const title = useId();
  if (!props.sites.length) {
    return null;
  }
  return (
    <>
      <h3 id={title} className="jp-Continuum-listTitle">
        {props.title}
      </h3>
      <ul className="jp-Continuum-list" aria-labelledby={title}>
        {props.sites.map(site => (
          <Site key={site.id} site={site} />
        ))}
      </ul>
    </>
  );
}

function Site({ site }: { readonly site: ISite }): JSX.Element {
  const { model } = usePanel();
  const [open, setOpen] = useState(
    site.state === 'ready' && site.offers.length <= 4
  );
  const body = useId();
  const header = useRef<HTMLButtonElement>(null);
  const isRevealed = model.revealed === site.id;
  useEffect(() => {
    if (isRevealed) {
      setOpen(true);
      bringUp(header.current);
      model.reveal('');
    }
  }, [isRevealed]);
  const Caret = open ? caretDownIcon : caretRightIcon;
  const gist = useGist(site);
  const busy = model.busy.get(`site:${site.id}`);
  return (
    <li className="jp-Continuum-site" data-site={site.id}>
      <button
        ref={header}
        type="button"
        className="jp-Continuum-siteHeader"
        aria-expanded={open}
        aria-controls={body}
        onClick={() => setOpen(!open)}
      >
        <Caret.react tag="span" className="jp-Continuum-caret" />
        <Dot state={busy ? 'connecting' : site.state} />
        <span className="jp-Continuum-siteName">{site.name}</span>
        {site.country && (
          <abbr
            className="jp-Continuum-country"
            title={format.countryName(site.country)}
          >
            {site.country}
          </abbr>
        )}
        <span className="jp-Continuum-siteState">
          <StateWord state={site.state} />
          {(busy || gist) && ' · '}
          <Sentence text={busy ?? gist} />
        </span>
        {!open && <ExpiryWord site={site} />}
      </button>
      <div id={body} hidden={!open}>
        {open && <SiteBody site={site} />}
      </div>
    </li>
  );
}

/** Scroll its own list alone: `scrollIntoView` would move the whole panel too. */
function bringUp(line: HTMLElement | null): void {
  const list = line?.closest('.jp-Continuum-sectionBody');
  if (line && list) {
    const { top } = list.getBoundingClientRect();
    const filter = list.querySelector('.jp-Continuum-filter');
    list.scrollTop +=
      line.getBoundingClientRect().top - top - (filter?.clientHeight ?? 0);
    line.focus({ preventScroll: true });
  }
}

/** On a folded line: the person has to renew something. */
function ExpiryWord({ site }: { readonly site: ISite }): JSX.Element | null {
  const { trans } = usePanel();
  const verdict = site.credentials[0]?.verdict;
  if (verdict !== 'soon' && verdict !== 'expired') {
    return null;
  }
  return (
    <span
      className="jp-Continuum-expiry jp-Continuum-stateWord"
      data-tone={verdict === 'soon' ? 'attention' : 'bad'}
    >
      {verdict === 'soon'
        ? trans.__('Login expires soon')
        : trans.__('Login expired')}
    </span>
  );
}

/** What a line can say about a site: why it is as it is, or what it would offer. */
function useGist(site: ISite): string {
  const { trans } = usePanel();
  if (site.state !== 'catalogued') {
    return site.reason;
  }
  const models = gpuModels(site);
  return models.length
    ? models.join(', ')
    : trans._n('%1 offer', '%1 offers', site.offers.length);
}

function SiteBody({ site }: { readonly site: ISite }): JSX.Element {
  const { model, actions, trans } = usePanel();
  const busy = model.busy.has(`site:${site.id}`);
  return (
    <div className="jp-Continuum-siteBody">
      {site.state === 'catalogued' && site.reason && (
        <p className="jp-Continuum-siteReason">
          <Sentence text={site.reason} />
        </p>
      )}
      <Credentials site={site} />
      <ul className="jp-Continuum-offers" aria-label={trans.__('Offers')}>
        {site.offers.map(offer => (
          <Offer key={offer.id} offer={offer} />
        ))}
      </ul>
      {isConnected(site) && <Reach site={site} />}
      {!site.offers.length && (
        <p className="jp-Continuum-hint">{trans.__('No offers known yet.')}</p>
      )}
      <p className="jp-Continuum-siteFoot">
        {site.state === 'catalogued' && connectable(site) && (
          <button
            type="button"
            className="jp-Continuum-button"
            disabled={busy}
            onClick={() => actions.connect(site)}
          >
            {trans.__('Connect…')}
          </button>
        )}
        {site.state === 'sign-in' && (
          <button
            type="button"
            className="jp-Continuum-button jp-mod-accept"
            disabled={busy}
            onClick={() => actions.refresh(site)}
          >
            {trans.__('Sign in')}
          </button>
        )}
        {isConnected(site) && isFar(site) && (
          <>
            {site.state !== 'sign-in' && (
              <button
                type="button"
                className="jp-Continuum-textButton"
                disabled={busy}
                onClick={() => actions.refresh(site)}
              >
                {trans.__('Look again')}
              </button>
            )}
            <button
              type="button"
              className="jp-Continuum-textButton"
              disabled={busy}
              onClick={() => actions.connect(site)}
            >
              {trans.__('Change login…')}
            </button>
            <button
              type="button"
              className="jp-Continuum-textButton"
              disabled={busy}
              onClick={() => actions.disconnect(site)}
            >
              {trans.__('Disconnect')}
            </button>
          </>
        )}
        {site.docs && (
          <a href={site.docs} target="_blank" rel="noreferrer noopener">
            {trans.__('Documentation')}
          </a>
        )}
        {site.operator && (
          <span className="jp-Continuum-operator" title={site.operator}>
            {site.operator}
          </span>
        )}
      </p>
    </div>
  );
}

/** False for what lies on this machine: nothing to log in to, always looked at. */
function isFar(site: ISite): boolean {
  return !['local', 'emulated'].includes(site.kind);
}

/** True for what is logged in to; clouds are not, and cannot be launched on yet. */
function connectable(site: ISite): boolean {
  return ['hpc', 'own', 'cloud'].includes(site.kind);
}

function Chip(props: {
  readonly label: string;
  readonly title: string;
  readonly pressed: boolean;
  readonly onPress: () => void;
}): JSX.Element {
  return (
    <button
      type="button"
      className="jp-Continuum-chip"
      title={props.title}
      aria-pressed={props.pressed}
      onClick={props.onPress}
    >
      {props.label}
    </button>
  );
}
