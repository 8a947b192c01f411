import type { TranslationBundle } from '@jupyterlab/translation';

import { access, TONES } from './access';
import type { ICell } from './columns';
import type { IPlace } from './places';
import type { IRow } from './rows';
import { sureness } from './sureness';
import type { Widths } from './widths';

/** Pixels of a cell that no text has: left and right of it, a dot before it, between two. */
const PADDING = 18;
const DOT = 16;
const GAP = 6;
/** What the name of an offer may take of its cell; the rest is the site's. */
const MOST_OF_OFFER = 0.65;

/** What the texts of a line are written in; null where that cannot be known. */
export interface IFonts {
  readonly plain: Widths | null;
  readonly site: Widths | null;
  readonly offer: Widths | null;
}

/** One value of a line. The page is touched only where something changes. */
export class Cell {
  readonly node = element('div', 'gridcell');

  constructor(
    private readonly place: IPlace,
    private readonly trans: TranslationBundle
  ) {
    const { column, width } = place;
    this.node.style.width = `${width}px`;
    set(this.node, 'data-numeric', column.numeric ? 'true' : null);
    if (column.id === 'site') {
      this.node.append(this.text, ' ', this.partition);
      this.node.className = 'jp-Continuum-tableOffer';
      this.partition.className = 'jp-Continuum-code';
    } else {
      this.node.append(this.value);
    }
  }

  show(row: IRow, fonts: IFonts): void {
    const { column } = this.place;
    const cell = column.cell(row);
    const part = column.id === 'site' ? partition(row) : '';
    if (this.titled) {
      this.node.removeAttribute('title');
      this.titled = false;
    }
    const isSame = cell.text === this.cell.text && part === this.part.data;
    if (!isSame || fonts.plain !== this.measured) {
      this.cut(!this.fits(cell.text, part, fonts));
      this.measured = fonts.plain;
    }
    if (isSame && cell.certainty === this.cell.certainty) {
      return;
    }
    write(this.value, cell.text);
    write(this.part, part);
    if (column.id === 'access') {
      set(this.node, 'data-tone', TONES[access(row)]);
    }
    this.say(cell);
    this.cell = cell;
  }

  title(row: IRow): void {
    const { column } = this.place;
    this.node.title =
      column.id === 'site' ? row.id : full(column.cell(row), this.trans);
    this.titled = true;
  }

  /** The elements that the texts of `IFonts` lie in. */
  get texts(): { readonly site: Element; readonly offer: Element } | null {
    return this.place.column.id === 'site'
      ? { site: this.text, offer: this.partition }
      : null;
  }

  private say({ text, certainty }: ICell): void {
    const known = certainty === 'known';
    if (known && this.cell.certainty === 'known') {
      return;
    }
    set(this.node, 'data-certainty', known ? null : certainty);
    const said = sureness(certainty, this.trans);
    // A "?" that is read out says less than the word.
    set(
      this.node,
      'aria-label',
      known
        ? null
        : certainty === 'unknown' || certainty === 'none'
          ? said
          : `${text} ${said}`
    );
  }

  private fits(text: string, part: string, fonts: IFonts): boolean {
    const { column, width } = this.place;
    const room = width - PADDING;
    if (column.id === 'site') {
      const offer = wide(part, fonts.offer);
      return (
        offer <= room * MOST_OF_OFFER &&
        wide(text, fonts.site) + GAP + offer <= room
      );
    }
    const dot = column.id === 'access' ? DOT : 0;
    return wide(text, fonts.plain) + dot <= room;
  }

  /**
   * Only a cell whose text lacks the room cuts it off: for each that does, Chromium keeps and
   * paints a layer.
   */
  private cut(cut: boolean): void {
    if (cut !== this.isCut) {
      set(this.node, 'data-cut', cut ? 'true' : null);
      this.isCut = cut;
    }
  }

  private readonly text = textual('b');
  private readonly value = this.text.firstChild as Text;
  private readonly partition = textual('span');
  private readonly part = this.partition.firstChild as Text;
  private cell: ICell = { text: '', certainty: 'known' };
  private measured: Widths | null = null;
  private isCut = false;
  private titled = false;
}

/** What the site calls the offer. */
function partition(row: IRow): string {
  return row.id.slice(row.id.indexOf('/') + 1);
}

function full(cell: ICell, trans: TranslationBundle): string {
  const said = sureness(cell.certainty, trans);
  return said ? `${cell.text} (${said})` : cell.text;
}

function wide(text: string, font: Widths | null): number {
  return font === null ? Infinity : font.width(text);
}

export function element(name: string, role: string): HTMLElement {
  const node = document.createElement(name);
  node.setAttribute('role', role);
  return node;
}

export function set(
  node: HTMLElement,
  name: string,
  value: string | null
): void {
  if (value === null) {
    node.removeAttribute(name);
  } else {
    node.setAttribute(name, value);
  }
}

function textual(name: string): HTMLElement {
  const node = document.createElement(name);
  node.append('');
  return node;
}

function write(node: Text, text: string): void {
  if (node.data !== text) {
    node.data = text;
  }
}
