import { caretDownIcon, caretRightIcon } from '@jupyterlab/ui-components';
import { type ReactNode, useId, useState } from 'react';

export interface ISectionProps {
  readonly title: string;
  /** A few words beside the title: how many, how far. */
  readonly summary?: string;
  readonly className: string;
  /** Where a summary says enough for most. */
  readonly folded?: boolean;
  /** Nothing in it takes the focus: it does so itself, or no key would scroll it. */
  readonly isText?: boolean;
  readonly children: ReactNode;
}

/** A part of the panel that folds. */
export function Section(props: ISectionProps): JSX.Element {
  const [open, setOpen] = useState(!props.folded);
  const body = useId();
  const title = useId();
  const Caret = open ? caretDownIcon : caretRightIcon;
  return (
    <section
      className={`jp-Continuum-section ${props.className}`}
      data-open={open}
      aria-labelledby={title}
    >
      <h2 className="jp-Continuum-sectionHeader">
        <button
          type="button"
          aria-expanded={open}
          aria-controls={body}
          onClick={() => setOpen(!open)}
        >
          <Caret.react tag="span" className="jp-Continuum-caret" />
          <span id={title}>{props.title}</span>
          {props.summary && (
            <span className="jp-Continuum-sectionSummary">{props.summary}</span>
          )}
        </button>
      </h2>
      <div
        id={body}
        className="jp-Continuum-sectionBody"
        hidden={!open}
        {...(props.isText && {
          tabIndex: 0,
          role: 'group',
          'aria-labelledby': title
        })}
      >
        {open && props.children}
      </div>
    </section>
  );
}
