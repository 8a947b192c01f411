import type { LabIcon } from '@jupyterlab/ui-components';

export interface IIconButtonProps {
  readonly icon: LabIcon;
  readonly label: string;
  readonly onClick: () => void;
  readonly pressed?: boolean;
  /** Why it cannot be pressed now; '' or nothing when it can. */
  readonly refusal?: string;
}

/** A button that is only an icon, with a name for those who do not see it. */
export function IconButton(props: IIconButtonProps): JSX.Element {
  const { icon: Icon, label, pressed, refusal } = props;
  return (
    <button
      type="button"
      className="jp-Continuum-iconButton"
      aria-label={label}
      aria-pressed={pressed}
      aria-disabled={refusal ? true : undefined}
      title={refusal ? `${label}: ${refusal}` : label}
      onClick={event => {
        event.stopPropagation();
        if (!refusal) {
          props.onClick();
        }
      }}
    >
      <Icon.react tag="span" elementSize="normal" />
    </button>
  );
}
