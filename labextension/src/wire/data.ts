/** Data sets, files at a site, and a file on its way here. */

/** What a record says of one thing, and who says so. */
export interface ITold {
  readonly value: string | number | boolean | readonly string[];
  readonly kind: string;
  readonly source: string;
  readonly date: string;
}

/** A data set; `null` means unknown. */
export interface IDataset {
  readonly id: string;
  readonly name: string;
  readonly url: string;
  readonly path: string;
  readonly format: string;
  readonly site: string | null;
  readonly owner: ITold | null;
  readonly licence: ITold | null;
  readonly jurisdiction: ITold | null;
  readonly stays: ITold | null;
  readonly size_gb: ITold | null;
}

/** One entry of a folder at a site. */
export interface IFile {
  readonly name: string;
  readonly kind: string;
  readonly size: number | null;
  readonly modified: string | null;
  readonly fetchable: boolean;
  /** It is a folder, or may lead to one. */
  readonly opens: boolean;
}

/** A folder at a site, folders first. */
export interface IFiles {
  readonly site: string;
  readonly path: string;
  readonly files: readonly IFile[];
  /** There are more than are listed. */
  readonly more: boolean;
  /** The folder that holds it; null where none is known. */
  readonly above: string | null;
}

/** A file on its way here. */
export interface IFetch {
  readonly id: string;
  readonly site: string;
  /** There. */
  readonly path: string;
  /** Here, as the file browser has it. */
  readonly target: string;
  readonly state: FetchState;
  readonly reason: string;
  readonly done: number;
  readonly total: number | null;
}

export type FetchState = 'running' | 'done' | 'stopped' | 'failed';
