import { useEffect, useState } from 'react';

export interface IStepperProps {
  readonly label: string;
  readonly value: number;
  readonly min: number;
  readonly onChange: (value: number) => void;
}

/** A small number with a button on either side; a typed one counts on Enter or on leaving. */
export function Stepper(props: IStepperProps): JSX.Element {
  const { label, value, min, onChange } = props;
  const [typed, setTyped] = useState(String(value));
  useEffect(() => setTyped(String(value)), [value]);
  const commit = () => {
    const number = Number.parseInt(typed, 10);
    if (Number.isFinite(number) && number >= min && number !== value) {
      onChange(number);
    } else {
      setTyped(String(value));
    }
  };
  return (
    <span className="jp-Continuum-stepper" role="group" aria-label={label}>
      <button
        type="button"
        aria-label={`${label} −1`}
        disabled={value <= min}
        onClick={() => onChange(value - 1)}
      >
        −
      </button>
      <input
        aria-label={label}
        inputMode="numeric"
        value={typed}
        onChange={event => setTyped(event.target.value)}
        onBlur={commit}
        onKeyDown={event => event.key === 'Enter' && commit()}
      />
      <button
        type="button"
        aria-label={`${label} +1`}
        onClick={() => onChange(value + 1)}
      >
        +
      </button>
    </span>
  );
}
