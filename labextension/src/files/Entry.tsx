import type { TranslationBundle } from '@jupyterlab/translation';
import {
  downloadIcon,
  fileIcon,
  folderIcon,
  linkIcon
} from '@jupyterlab/ui-components';
import { memo } from 'react';

import { bytes } from '../format';
import type { IFile } from '../wire';
import { when } from './view';

export interface IEntryProps {
  readonly file: IFile;
  readonly index: number;
  readonly path: string;
  /** Whether Tab comes to it. */
  readonly isStop: boolean;
  readonly now: Date;
  readonly onOpen: (path: string) => void;
  readonly onFetch: (path: string) => void;
  readonly trans: TranslationBundle;
}

/** One entry of a folder. */
export const Entry = memo(function Entry(props: IEntryProps) {
  const { file, path, trans } = props;
  const tabIndex = props.isStop ? 0 : -1;
  const Icon =
    { folder: folderIcon, link: linkIcon }[file.kind as string] ?? fileIcon;
  const fetch = trans.__('Fetch %1', file.name);
  const { modified } = file;
  return (
    <div
      role="row"
      aria-rowindex={props.index + 2}
      data-index={props.index}
      className="jp-Continuum-file"
    >
      <span role="gridcell" className="jp-Continuum-fileName">
        <Icon.react tag="span" elementSize="normal" />
        {file.opens ? (
          <button
            type="button"
            className="jp-Continuum-textButton"
            tabIndex={tabIndex}
            title={file.name}
            aria-label={
              file.kind === 'folder'
                ? trans.__('%1, folder', file.name)
                : trans.__('%1, link', file.name)
            }
            onClick={() => props.onOpen(path)}
          >
            {file.name}
          </button>
        ) : (
          <span title={file.name}>{file.name}</span>
        )}
      </span>
      <span role="gridcell">{file.size === null ? '' : bytes(file.size)}</span>
      <span
        role="gridcell"
        title={modified === null ? '' : new Date(modified).toLocaleString()}
      >
        {modified === null ? '' : when(modified, props.now)}
      </span>
      <span role="gridcell">
        {file.fetchable && (
          <button
            type="button"
            className="jp-Continuum-iconButton"
            tabIndex={tabIndex}
            title={fetch}
            aria-label={fetch}
            onClick={() => props.onFetch(path)}
          >
            <downloadIcon.react tag="span" elementSize="normal" />
          </button>
        )}
      </span>
    </div>
  );
});
