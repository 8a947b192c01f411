import type { ISessionContextDialogs } from '@jupyterlab/apputils';
import { NotebookActions, type NotebookPanel } from '@jupyterlab/notebook';

import type { ICluster } from '../wire';
import { attachesTo, attachingCode } from './code';

/** Put a cell below the active one, or into it when it is empty. */
export async function insertCode(
  panel: NotebookPanel,
  code: string
): Promise<void> {
  // A notebook that is still loading would drop the cell.
  await panel.context.ready;
  const active = panel.content.activeCell;
  if (active?.model.type !== 'code' || active.model.sharedModel.source.trim()) {
    NotebookActions.insertBelow(panel.content);
  }
  panel.content.activeCell?.model.sharedModel.setSource(code);
  panel.content.mode = 'edit';
  panel.content.activeCell?.node.scrollIntoView({ block: 'nearest' });
  panel.activate();
}

/** Attach the notebook's kernel: by the attaching cell it has, else by a new one. */
export async function attachNotebook(options: {
  readonly panel: NotebookPanel;
  readonly cluster: ICluster;
  readonly dialogs: ISessionContextDialogs | null;
}): Promise<void> {
  const { panel, cluster, dialogs } = options;
  const notebook = panel.content;
  await panel.context.ready;
  await panel.sessionContext.ready;
  const earlier = notebook.widgets.findIndex(
    ({ model }) =>
      model.type === 'code' && attachesTo(model.sharedModel.source) !== null
  );
  if (earlier < 0) {
    await insertCode(panel, attachingCode(cluster));
  } else {
    notebook.deselectAll();
    notebook.activeCellIndex = earlier;
    const { sharedModel } = notebook.widgets[earlier].model;
    if (attachesTo(sharedModel.source) !== cluster.name) {
      sharedModel.setSource(attachingCode(cluster));
    }
  }
  const cell = notebook.activeCell;
  if (cell !== null) {
    notebook.mode = 'command';
    await NotebookActions.runCells(
      notebook,
      [cell],
      panel.sessionContext,
      dialogs ?? undefined
    );
  }
}
