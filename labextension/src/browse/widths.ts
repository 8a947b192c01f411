/** Texts this long are not measured: hardly a cell has the room. */
const LONG = 80;

/** How wide texts are in one font, without asking the page to lay them out. */
export class Widths {
  private constructor(private readonly context: CanvasRenderingContext2D) {}

  /** In the font that `node` has now: the same object as long as it is the same font. */
  static of(node: Element): Widths | null {
    const style = getComputedStyle(node);
    // Not `style.font`, which is '' where numbers are tabular.
    const font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
    const context = document.createElement('canvas').getContext('2d');
    if (context === null) {
      return null;
    }
    const widths = fonts.get(font) ?? new Widths(context);
    fonts.set(font, widths);
    widths.context.font = font;
    return widths;
  }

  /** In pixels. */
  width(text: string): number {
    if (text.length > LONG) {
      return Infinity;
    }
    // Digits that lie below each other are as wide as each other.
    const like = text.replace(/\d/g, '0');
    let width = this.known.get(like);
    if (width === undefined) {
      ({ width } = this.context.measureText(like));
      this.known.set(like, width);
    }
    return width;
  }

  private readonly known = new Map<string, number>();
}

const fonts = new Map<string, Widths>();
