import { InputDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { useEffect, useReducer } from 'react';

import { type IFilter, NO_FILTER } from './rows';
import { asksSame, type SavedFilters } from './saved';

/** The person's filters: ask one again, keep the one that is asked now, delete one. */
export function SavedChoice(props: {
  readonly saved: SavedFilters;
  readonly filter: IFilter;
  readonly trans: TranslationBundle;
  readonly onChange: (filter: IFilter) => void;
}): JSX.Element {
  const { saved, filter, trans, onChange } = props;
  const [, again] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    saved.changed.connect(again);
    return () => {
      saved.changed.disconnect(again);
    };
  }, [saved]);
  const all = saved.all;
  const current = all.find(each => asksSame(each.filter, filter));

  const save = async () => {
    const { button, value } = await InputDialog.getText({
      title: trans.__('Save this filter'),
      label: trans.__('Name'),
      okLabel: trans.__('Save'),
      required: true
    });
    const name = value?.trim();
    if (button.accept && name) {
      await saved.save(name, filter);
    }
  };

  return (
    <>
      {all.length > 0 && (
        <select
          className="jp-Continuum-choice"
          aria-label={trans.__('Saved filters')}
          value={current?.name ?? ''}
          data-set={current !== undefined}
          onChange={event => {
            const chosen = all.find(each => each.name === event.target.value);
            onChange(chosen?.filter ?? NO_FILTER);
          }}
        >
          <option value="">{trans.__('Saved filters')}</option>
          {all.map(({ name }) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      )}
      {current ? (
        <button
          type="button"
          className="jp-Continuum-textButton"
          title={trans.__('Delete the saved filter %1', current.name)}
          onClick={() => void saved.remove(current.name)}
        >
          {trans.__('Delete')}
        </button>
      ) : (
        !asksSame(filter, NO_FILTER) && (
          <button
            type="button"
            className="jp-Continuum-textButton"
            onClick={() => void save()}
          >
            {trans.__('Save…')}
          </button>
        )
      )}
    </>
  );
}
