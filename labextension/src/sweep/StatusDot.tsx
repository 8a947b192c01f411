const TONES: Readonly<Record<string, string>> = {
  running: 'busy',
  completed: 'good',
  failed: 'bad',
  died: 'bad',
  unreadable: 'attention',
  waiting: 'none'
};

/** A coloured dot; never alone, a word stands beside it. */
export function StatusDot({
  status
}: {
  readonly status: string;
}): JSX.Element {
  return (
    <span
      className="jp-Continuum-dot"
      data-tone={TONES[status] ?? 'quiet'}
      aria-hidden="true"
    />
  );
}
