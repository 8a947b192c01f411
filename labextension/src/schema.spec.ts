import { readdirSync, readFileSync } from 'node:fs';

import { expect, it } from 'vitest';

interface ISchema {
  readonly title?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, ISchema>>;
  readonly 'jupyter.lab.shortcuts'?: readonly {
    readonly command: string;
    readonly keys: readonly string[];
  }[];
}

const FOLDER = new URL('../schema/', import.meta.url);
const SCHEMAS: readonly [string, ISchema][] = readdirSync(FOLDER).map(name => [
  name,
  JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as ISchema
]);

/** Keys that the settings editor would show by their bare name. */
function nameless(path: string, schema: ISchema): readonly string[] {
  const own = schema.title && schema.description ? [] : [path];
  const keys = Object.entries(schema.properties ?? {});
  return [
    ...own,
    ...keys.flatMap(([key, it]) => nameless(`${path}/${key}`, it))
  ];
}

it('says of every setting what it is', () => {
  expect(SCHEMAS.flatMap(it => nameless(...it))).toEqual([]);
  expect(SCHEMAS.length).toBeGreaterThan(1);
});

it('binds each key once', () => {
  const keys = SCHEMAS.flatMap(([, it]) => it['jupyter.lab.shortcuts'] ?? []);
  const bound = keys.map(it => it.keys.join(' '));
  expect(bound.length).toBeGreaterThan(0);
  expect(new Set(bound).size).toBe(bound.length);
});
