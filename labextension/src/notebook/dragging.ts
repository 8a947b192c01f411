import type { ICell } from '@jupyterlab/nbformat';
import { MimeData } from '@lumino/coreutils';
import { Drag } from '@lumino/dragdrop';

/** What a notebook takes as cells, wherever they are from. */
const CELLS = 'application/vnd.jupyter.cells';
/** A click may be a little unsteady. */
const THRESHOLD_PX = 5;

/** Once the pointer has left where it was pressed, drag `source` as a cell, and as text for editors. */
export function dragCell(pressed: PointerEvent, source: string): void {
  if (pressed.button !== 0) {
    return;
  }
  const watching = new AbortController();
  const { signal } = watching;
  const { clientX, clientY } = pressed;
  document.addEventListener('pointerup', () => watching.abort(), { signal });
  document.addEventListener(
    'pointermove',
    moved => {
      const { clientX: x, clientY: y } = moved;
      if (Math.hypot(x - clientX, y - clientY) < THRESHOLD_PX) {
        return;
      }
      watching.abort();
      const drag = new Drag({
        dragImage: imageOf(source),
        mimeData: mimeOf(source),
        proposedAction: 'copy',
        supportedActions: 'copy'
      });
      void drag.start(x, y).finally(() => drag.dispose());
    },
    { signal }
  );
}

function mimeOf(source: string): MimeData {
  const cell: ICell = {
    cell_type: 'code',
    execution_count: null,
    metadata: { trusted: true },
    outputs: [],
    source
  };
  const data = new MimeData();
  data.setData(CELLS, [cell]);
  data.setData('text/plain', source);
  return data;
}

function imageOf(source: string): HTMLElement {
  const image = document.createElement('pre');
  image.className = 'jp-Continuum-dragged';
  image.textContent = source;
  return image;
}
