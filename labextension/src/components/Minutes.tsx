import { useEffect, useState } from 'react';

export interface IMinutesProps {
  readonly label: string;
  readonly placeholder: string;
  /** null: nothing was said. */
  readonly value: number | null;
  readonly onChange: (value: number | null) => void;
}

/** A number of minutes that may be left out. */
export function Minutes(props: IMinutesProps): JSX.Element {
  const { label, placeholder, value, onChange } = props;
  const [typed, setTyped] = useState('');
  useEffect(() => setTyped(value === null ? '' : String(value)), [value]);
  const commit = () => {
    const number = Number.parseInt(typed, 10);
    if (typed.trim() === '') {
      onChange(null);
    } else if (Number.isFinite(number) && number >= 1) {
      onChange(number);
    } else {
      setTyped(value === null ? '' : String(value));
    }
  };
  return (
    <input
      className="jp-Continuum-input jp-Continuum-minutes"
      aria-label={label}
      placeholder={placeholder}
      inputMode="numeric"
      value={typed}
      onChange={event => setTyped(event.target.value)}
      onBlur={commit}
      onKeyDown={event => event.key === 'Enter' && commit()}
    />
  );
}
