import type { TranslationBundle } from '@jupyterlab/translation';

import { Cell, element, type IFonts, set } from './cell';
import { type IPlace, PICK_WIDTH } from './places';
import type { IRow } from './rows';
import { Widths } from './widths';

export const LINE = 30;

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

/** One line of the page; shows one row after another. */
export class Line {
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
    this.all = [this.pick, ...this.cells.map(cell => cell.node)];
    this.node.append(...this.all);
  }

  /** To where that row lies. */
  move(index: number): void {
    if (index !== this.index) {
      this.node.style.top = `${index * LINE}px`;
      this.node.setAttribute('aria-rowindex', String(index + 2));
      this.index = index;
    }
  }

  show(look: ILook, fonts: IFonts): void {
    const { index } = this;
    const row = look.rows[index];
    const picked = look.picked.has(row.id);
    const { launchable } = row.offer;
    if (launchable !== this.row?.offer.launchable || picked !== this.picked) {
      this.showPick(launchable, picked);
    }
    if (row !== this.row || fonts.plain !== this.measured) {
      this.node.dataset.offer = row.id;
      this.pick.removeAttribute('title');
      this.cells.forEach(cell => cell.show(row, fonts));
      this.row = row;
      this.measured = fonts.plain;
    }
    const isChosen = look.chosen === row.id;
    if (isChosen !== this.isChosen) {
      set(this.node, 'data-chosen', isChosen ? 'true' : null);
      this.isChosen = isChosen;
    }
    this.activate(look.active.row === index ? look.active.column : -1, look.id);
  }

  holds(node: EventTarget | null): boolean {
    return node instanceof Node && this.node.contains(node);
  }

  columnOf(node: EventTarget | null): number {
    return this.all.findIndex(cell => cell.contains(node as Node));
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

  /** What the page writes it in now. */
  fonts(): IFonts {
    const texts = this.cells.map(cell => cell.texts).find(each => each);
    return {
      plain: Widths.of(this.node),
      site: texts ? Widths.of(texts.site) : null,
      offer: texts ? Widths.of(texts.offer) : null
    };
  }

  private showPick(launchable: boolean, picked: boolean): void {
    const { trans, pick } = this;
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
    const cell = this.all[column] ?? null;
    if (cell !== this.active) {
      this.active?.removeAttribute('data-active');
      this.active?.removeAttribute('id');
      cell?.setAttribute('data-active', 'true');
      this.active = cell;
    }
    const named = `${id}-${this.index}-${column}`;
    if (cell !== null && cell.id !== named) {
      cell.id = named;
    }
  }

  private readonly pick = element('div', 'gridcell');
  private readonly cells: readonly Cell[];
  private readonly all: readonly HTMLElement[];
  private row: IRow | null = null;
  private measured: Widths | null = null;
  private picked = false;
  private isChosen = false;
  private active: HTMLElement | null = null;
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
