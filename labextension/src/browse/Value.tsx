import type { TranslationBundle } from '@jupyterlab/translation';

import { type Access, TONES } from './access';
import type { ICell } from './columns';
import { sureness } from './sureness';

export function AccessDot(props: { readonly of: Access }): JSX.Element {
  return (
    <span
      className="jp-Continuum-dot"
      data-tone={TONES[props.of]}
      aria-hidden="true"
    />
  );
}

/** A value, and in words for who does not see it how sure it is. */
export function Value(props: {
  readonly cell: ICell;
  readonly trans: TranslationBundle;
}): JSX.Element {
  const { cell, trans } = props;
  const words = sureness(cell.certainty, trans);
  return (
    <span
      className="jp-Continuum-value"
      data-certainty={cell.certainty}
      title={words ? `${cell.text} (${words})` : cell.text}
    >
      {cell.text}
      {words && <span className="jp-Continuum-unseen"> {words}</span>}
    </span>
  );
}
