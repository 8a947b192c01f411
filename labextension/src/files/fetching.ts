import { Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import { ContinuumError } from '../api';
import { bytes } from '../format';
import { mayReplace } from '../saving';
import type { FilesModel, IRemote } from './model';
import { nameOf } from './view';

/** Begin to bring a file to a folder of the file browser; over another one only when told so. */
export async function fetchTo(
  folder: string,
  file: IRemote,
  files: FilesModel,
  trans: TranslationBundle
): Promise<void> {
  try {
    await files.fetch(file, folder, false);
  } catch (error) {
    if (!(error instanceof ContinuumError && error.kind === 'AlreadyHere')) {
      throw error;
    }
    if (await mayReplace(nameOf(file.path), trans)) {
      await files.fetch(file, folder, true);
    }
  }
}

/** Say how each fetch ended; `show` leads to what has come. */
export function tellFetched(
  files: FilesModel,
  siteName: (id: string) => string,
  show: (path: string) => void,
  trans: TranslationBundle
): void {
  files.ended.connect((_, { site, path, target, state, total, reason }) => {
    if (state === 'done') {
      Notification.success(
        trans.__(
          '%1 has come from %2: %3, %4.',
          nameOf(path),
          siteName(site),
          target,
          bytes(total ?? 0)
        ),
        {
          autoClose: 10_000,
          actions: [{ label: trans.__('Show'), callback: () => show(target) }]
        }
      );
    } else if (state === 'stopped') {
      Notification.info(
        trans.__(
          'Fetching %1 was stopped. What has come is kept as .part beside it; fetch the same again and it goes on.',
          nameOf(path)
        ),
        { autoClose: 10_000 }
      );
    } else {
      Notification.error(reason, { autoClose: false });
    }
  });
}
