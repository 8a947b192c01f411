import type { TranslationBundle } from '@jupyterlab/translation';
import type { IDisposable } from '@lumino/disposable';

import type { IFonts } from './cell';
import { type ICellAt, type ILook, LINE, Line } from './line';

/** Lines drawn beyond what is seen, so that scrolling shows no gaps. */
const SPARE = 4;
/** Scrolling is over when nothing has moved for so long. */
const REST_MS = 150;

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
    this.fonts ??= this.lines[0]?.fonts() ?? null;
    for (let index = first; index < first + count; index++) {
      const line = this.lines[this.place(index)];
      line.move(index);
      if (this.fonts && index >= seen[0] && index < seen[1]) {
        line.show(look, this.fonts);
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
    const { look } = this;
    // A theme may have come with another font.
    this.fonts = this.lines[0]?.fonts() ?? null;
    for (const line of this.lines) {
      if (look && this.fonts) {
        line.show(look, this.fonts);
      }
    }
    const moved = this.lines.splice(0, this.place(this.first));
    this.lines.push(...moved);
    this.body.append(...moved.map(line => line.node));
    this.shift = -this.first;
    this.isNew = false;
  }

  private look: ILook | null = null;
  private fonts: IFonts | null = null;
  private lines: Line[] = [];
  private first = 0;
  /** What is added to the index of a row to find its line. */
  private shift = 0;
  private rest = 0;
  /** Other rows than at the last rest. */
  private isNew = true;
  private _isDisposed = false;
}
