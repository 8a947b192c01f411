import type { TranslationBundle } from '@jupyterlab/translation';
import type { IDisposable } from '@lumino/disposable';

import { access, TONES } from './access';
import type { Certainty, ICell } from './columns';
import { type IPlace, PICK_WIDTH } from './places';
import type { IRow } from './rows';
import { sureness } from './sureness';

export const LINE = 30;
/** Lines drawn beyond what is seen, so that scrolling shows no gaps. */
const SPARE = 4;
/** Scrolling is over when nothing has moved for so long. */
const REST_MS = 150;

export interface ICellAt {
  /** -1 is the heading. */
  readonly row: number;
  /** 0 is what is pressed to choose the offer. */
  readonly column: number;
}

export interface ILook {
  /** What the ids of cells begin with. */
  readonly id: string;
  readonly rows: readonly IRow[];
  readonly places: readonly IPlace[];
  readonly height: number;
  readonly picked: ReadonlySet<string>;
  readonly chosen: string | null;
  readonly active: ICellAt;
}

/**
 * The lines that are seen, of as many as there are. A frame of scrolling only changes those that
 * left at one end into those that come in at the other: React would compare all of them.
 */
export class Lines implements IDisposable {
  constructor(
    private readonly body: HTMLElement,
    private readonly trans: TranslationBundle
  ) {}

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    this._isDisposed = true;
    window.clearTimeout(this.rest);
  }

  show(look: ILook, top: number): void {
    if (look.places !== this.look?.places) {
      this.body.replaceChildren();
      this.lines = [];
    }
    this.isNew ||= look.rows !== this.look?.rows;
    this.look = look;
    this.draw(top, !this.isNew);
  }

  /**
   * Draw what is seen when so many pixels are above; `keep` lines that are seen already. When none
   * is kept, what lies beyond is drawn at rest: a key press has to wait for all that is drawn.
   */
  draw(top: number, keep = true): void {
    const { look } = this;
    if (look === null) {
      return;
    }
    const count = Math.min(
      look.rows.length,
      Math.ceil(look.height / LINE) + 2 * SPARE + 1
    );
    const first = Math.max(
      0,
      Math.min(Math.floor(top / LINE) - SPARE, look.rows.length - count)
    );
    const seen = keep
      ? [first, first + count]
      : [Math.floor(top / LINE), Math.ceil((top + look.height) / LINE)];
    keep &&= count === this.lines.length;
    this.resize(count, look);
    if (!keep || Math.abs(first - this.first) >= count) {
      this.shift = -first;
    }
    this.first = first;
    for (let index = first; index < first + count; index++) {
      const line = this.lines[this.place(index)];
      line.move(index);
      if (index >= seen[0] && index < seen[1]) {
        line.show(look);
      }
    }
    window.clearTimeout(this.rest);
    this.rest = window.setTimeout(() => this.settle(), REST_MS);
  }

  /** The cell that `node` is in. */
  at(node: EventTarget | null): ICellAt | null {
    const line = this.lines.find(each => each.holds(node));
    return line ? { row: line.index, column: line.columnOf(node) } : null;
  }

  /** Say of a cell in full what it is, once somebody points at it. */
  title({ row, column }: ICellAt): void {
    this.lines[this.place(row)]?.title(column);
  }

  private place(index: number): number {
    const count = this.lines.length;
    return (((index + this.shift) % count) + count) % count;
  }

  private resize(count: number, look: ILook): void {
    while (this.lines.length > count) {
      this.lines.pop()?.node.remove();
    }
    while (this.lines.length < count) {
      const line = new Line(look.places, this.trans);
      this.lines.push(line);
      this.body.append(line.node);
    }
  }

  /** At rest the lines lie in the page in the order of the rows, which is how they are read out. */
  private settle(): void {
    for (const line of this.lines) {
      line.show(this.look as ILook);
    }
    const moved = this.lines.splice(0, this.place(this.first));
    this.lines.push(...moved);
    this.body.append(...moved.map(line => line.node));
    this.shift = -this.first;
    this.isNew = false;
  }

  private look: ILook | null = null;
  private lines: Line[] = [];
  private first = 0;
  /** What is added to the index of a row to find its line. */
  private shift = 0;
  private rest = 0;
  /** Other rows than at the last rest. */
  private isNew = true;
  private _isDisposed = false;
}

/** One line of the page; shows one row after another. */
class Line {
  readonly node = element('div', 'row');
  /** Of the row that it shows. */
  index = -1;

  constructor(
    places: readonly IPlace[],
    private readonly trans: TranslationBundle
  ) {
    this.node.className = 'jp-Continuum-tableRow';
    this.pick.className = 'jp-Continuum-tablePick';
    this.pick.style.width = `${PICK_WIDTH}px`;
    this.cells = places.map(place => new Cell(place, trans));
    this.node.append(this.pick, ...this.cells.map(cell => cell.node));
  }

  /** To where that row lies. */
  move(index: number): void {
    if (index !== this.index) {
      this.node.style.top = `${index * LINE}px`;
      this.node.setAttribute('aria-rowindex', String(index + 2));
      this.index = index;
    }
  }

  show(look: ILook): void {
    const { index } = this;
    const row = look.rows[index];
    const picked = look.picked.has(row.id);
    if (row !== this.row || picked !== this.picked) {
      this.showPick(row, picked);
    }
    if (row !== this.row) {
      this.node.dataset.offer = row.id;
      this.cells.forEach(cell => cell.show(row));
      this.row = row;
    }
    set(this.node, 'data-chosen', look.chosen === row.id ? 'true' : null);
    this.activate(look.active.row === index ? look.active.column : -1, look.id);
  }

  holds(node: EventTarget | null): boolean {
    return node instanceof Node && this.node.contains(node);
  }

  columnOf(node: EventTarget | null): number {
    return this.all().findIndex(cell => cell.contains(node as Node));
  }

  title(column: number): void {
    if (this.row !== null) {
      const { trans } = this;
      if (column === 0) {
        this.pick.title = pickTitle(this.row, this.picked, trans);
      } else {
        this.cells[column - 1]?.title(this.row);
      }
    }
  }

  private showPick(row: IRow, picked: boolean): void {
    const { trans, pick } = this;
    const { launchable } = row.offer;
    this.picked = picked;
    this.node.setAttribute('aria-selected', String(picked));
    set(pick, 'data-box', launchable || picked ? String(picked) : null);
    set(pick, 'aria-disabled', launchable ? null : 'true');
    set(pick, 'title', null);
    pick.ariaLabel = !launchable
      ? trans.__('cannot be launched')
      : picked
        ? trans.__('chosen')
        : trans.__('not chosen');
  }

  private activate(column: number, id: string): void {
    if (column < 0 && this.active === null) {
      return;
    }
    const cell = this.all()[column] ?? null;
    if (cell !== this.active) {
      this.active?.removeAttribute('data-active');
      this.active?.removeAttribute('id');
      cell?.setAttribute('data-active', 'true');
      this.active = cell;
    }
    if (cell !== null) {
      set(cell, 'id', `${id}-${this.index}-${column}`);
    }
  }

  private all(): readonly HTMLElement[] {
    return [this.pick, ...this.cells.map(cell => cell.node)];
  }

  private readonly pick = element('div', 'gridcell');
  private readonly cells: readonly Cell[];
  private row: IRow | null = null;
  private picked = false;
  private active: HTMLElement | null = null;
}

/** One value of a line. */
class Cell {
  readonly node = element('div', 'gridcell');

  constructor(
    private readonly place: IPlace,
    private readonly trans: TranslationBundle
  ) {
    const { column, left, width } = place;
    this.node.style.left = `${left}px`;
    this.node.style.width = `${width}px`;
    set(this.node, 'data-numeric', column.numeric ? 'true' : null);
    if (column.id === 'site') {
      this.node.append(this.text, ' ', this.partition);
      this.node.className = 'jp-Continuum-tableOffer';
      this.partition.className = 'jp-Continuum-code';
    } else {
      this.node.append(this.text.firstChild as Text);
    }
  }

  show(row: IRow): void {
    const { column } = this.place;
    const { text, certainty } = column.cell(row);
    write(this.value, text);
    if (column.id === 'site') {
      write(this.part, partition(row));
    } else if (column.id === 'access') {
      set(this.node, 'data-tone', TONES[access(row)]);
    }
    if (certainty !== this.certainty) {
      set(
        this.node,
        'data-certainty',
        certainty === 'known' ? null : certainty
      );
      this.certainty = certainty;
    }
    const said = certainty === 'known' ? '' : sureness(certainty, this.trans);
    // A "?" that is read out says less than the word.
    set(
      this.node,
      'aria-label',
      !said
        ? null
        : certainty === 'unknown' || certainty === 'none'
          ? said
          : `${text} ${said}`
    );
    set(this.node, 'title', null);
  }

  title(row: IRow): void {
    const { column } = this.place;
    this.node.title =
      column.id === 'site' ? row.id : full(column.cell(row), this.trans);
  }

  private readonly text = textual('b');
  private readonly value = this.text.firstChild as Text;
  private readonly partition = textual('span');
  private readonly part = this.partition.firstChild as Text;
  private certainty: Certainty = 'known';
}

/** What the site calls the offer. */
export function partition(row: IRow): string {
  return row.id.slice(row.id.indexOf('/') + 1);
}

function full(cell: ICell, trans: TranslationBundle): string {
  const said = sureness(cell.certainty, trans);
  return said ? `${cell.text} (${said})` : cell.text;
}

function pickTitle(
  { offer }: IRow,
  picked: boolean,
  trans: TranslationBundle
): string {
  if (!offer.launchable) {
    return offer.reason || trans.__('This offer cannot be launched.');
  }
  return picked
    ? trans.__('Take %1 out of the launch', offer.id)
    : trans.__('Add %1 to the launch', offer.id);
}

function element(name: string, role: string): HTMLElement {
  const node = document.createElement(name);
  node.setAttribute('role', role);
  return node;
}

function textual(name: string): HTMLElement {
  const node = document.createElement(name);
  node.append('');
  return node;
}

/** Touch the page only where something changes. */
function set(node: HTMLElement, name: string, value: string | null): void {
  if (value === null) {
    if (node.hasAttribute(name)) {
      node.removeAttribute(name);
    }
  } else if (node.getAttribute(name) !== value) {
    node.setAttribute(name, value);
  }
}

function write(node: Text, text: string): void {
  if (node.data !== text) {
    node.data = text;
  }
}
