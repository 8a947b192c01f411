import { InputDialog, Notification, showDialog } from '@jupyterlab/apputils';
import { Dialog } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import { type Contents, ServerConnection } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';

/** Keep `text` as a file that the person names; null when they did not. */
export async function saveAs(options: {
  readonly contents: Contents.IManager;
  readonly folder: string;
  readonly name: string;
  readonly text: string;
  readonly trans: TranslationBundle;
}): Promise<string | null> {
  const { contents, folder, name, text, trans } = options;
  const asked = await InputDialog.getText({
    title: trans.__('Save the plan'),
    label: trans.__('File'),
    text: PathExt.join(folder, name),
    okLabel: trans.__('Save')
  });
  const path = asked.value?.trim();
  if (!asked.button.accept || !path) {
    return null;
  }
  if ((await exists(contents, path)) && !(await mayReplace(path, trans))) {
    return null;
  }
  await contents.save(path, { type: 'file', format: 'text', content: text });
  return path;
}

async function exists(
  contents: Contents.IManager,
  path: string
): Promise<boolean> {
  try {
    await contents.get(path, { content: false });
    return true;
  } catch (error) {
    if (
      error instanceof ServerConnection.ResponseError &&
      error.response.status === 404
    ) {
      return false;
    }
    throw error;
  }
}

export async function mayReplace(
  path: string,
  trans: TranslationBundle
): Promise<boolean> {
  const answer = await showDialog({
    title: trans.__('Replace %1?', path),
    body: trans.__('There is a file of that name.'),
    buttons: [
      Dialog.cancelButton(),
      Dialog.warnButton({ label: trans.__('Replace') })
    ]
  });
  return answer.button.accept;
}

/** Say where it went, and what takes it. */
export function tellSaved(
  path: string,
  open: () => void,
  trans: TranslationBundle
): void {
  const file = path.slice(path.indexOf(':') + 1);
  Notification.success(
    trans.__(
      'Saved %1. `jupyter continuum launch --plan %1`, jc.launch("%1") and papermill take it.',
      file
    ),
    {
      autoClose: 10_000,
      actions: [{ label: trans.__('Open'), callback: open }]
    }
  );
}
