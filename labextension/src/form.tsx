import { type Dialog, ReactWidget } from '@jupyterlab/apputils';
import type { Message } from '@lumino/messaging';
import { useId } from 'react';

/** What a dialog was answered; null when it was put aside. */
export type Answer<T> = Promise<T | null>;

/** A body whose named inputs become the dialog's value. */
export class FormBody
  extends ReactWidget
  implements Dialog.IBodyWidget<FormData>
{
  constructor(private readonly content: JSX.Element) {
    super();
    this.addClass('jp-Continuum-dialog');
  }

  getValue(): FormData {
    const form = this.node.querySelector('form');
    return form ? new FormData(form) : new FormData();
  }

  /** JupyterLab's own dialogs are half as high as a page, and show no scroll bar. */
  protected onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this.parent?.addClass('jp-Continuum-dialogBox');
  }

  protected render(): JSX.Element {
    return this.content;
  }
}

/** A line of text that the person fills in, or chooses. */
export function Field(props: {
  readonly name: string;
  readonly label: string;
  readonly placeholder?: string;
  /** What is known already. */
  readonly value?: string | null;
  readonly hint?: string;
  readonly choices?: readonly string[];
}): JSX.Element {
  const list = useId();
  return (
    <label className="jp-Continuum-field">
      <span>
        {props.label}
        {props.hint && <small>{` ${props.hint}`}</small>}
      </span>
      <input
        name={props.name}
        className="jp-mod-styled"
        placeholder={props.placeholder}
        defaultValue={props.value ?? ''}
        list={props.choices?.length ? list : undefined}
        autoComplete="off"
        spellCheck={false}
      />
      {props.choices?.length ? (
        <datalist id={list}>
          {props.choices.map(choice => (
            <option key={choice} value={choice} />
          ))}
        </datalist>
      ) : null}
    </label>
  );
}
