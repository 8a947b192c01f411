import type { TranslationBundle } from '@jupyterlab/translation';

import type { IClaim } from '../wire';

/** Who says a value, and of when; then who says another one. */
export function Claimed(props: {
  readonly claims: readonly IClaim[];
  /** Where the value is not shown beside it. */
  readonly withValue?: boolean;
  readonly trans: TranslationBundle;
}): JSX.Element | null {
  const { claims, trans } = props;
  const [first, ...rest] = claims;
  if (first === undefined) {
    return null;
  }
  const others = rest.filter(it => it.value !== first.value);
  return (
    <>
      {props.withValue && (
        <span
          className="jp-Continuum-value"
          data-certainty={certaintyOf(first)}
        >
          {first.value}
        </span>
      )}
      <small>
        <Origin claim={first} trans={trans} />
      </small>
      {others.map((claim, index) => (
        <small key={index}>
          {trans.__('or %1, as another says:', claim.value)}{' '}
          <Origin claim={claim} trans={trans} />
        </small>
      ))}
    </>
  );
}

function certaintyOf(claim: IClaim): string {
  if (!claim.verified) {
    return 'unverified';
  }
  return claim.kind === 'estimate' ? 'estimated' : 'known';
}

function Origin(props: {
  readonly claim: IClaim;
  readonly trans: TranslationBundle;
}): JSX.Element {
  const { claim, trans } = props;
  const expired = !claim.verified && claim.kind !== 'unverified';
  return (
    <>
      {claim.kind}
      {expired && ` · ${trans.__('expired %1', claim.expires)}`}
      {claim.source && ' · '}
      {/^https?:/.test(claim.url) ? (
        <a href={claim.url} target="_blank" rel="noreferrer noopener">
          {claim.source}
        </a>
      ) : (
        claim.source
      )}
      {claim.observed && ` · ${claim.observed}`}
      {claim.note && ` · ${claim.note}`}
    </>
  );
}
