import { readdirSync, readFileSync } from 'node:fs';

import { expect, it } from 'vitest';

const SHEETS = new URL('../style/', import.meta.url);

/** Classes of which a sheet says what they look like anywhere, not only within another. */
function ownClasses(sheet: string): Set<string> {
  const selectors = readFileSync(new URL(sheet, SHEETS), 'utf8').matchAll(
    /^\.(jp-Continuum-\w+)[^\s,{]*(?: \{|,)$/gm
  );
  return new Set([...selectors].map(([, name]) => name));
}

it('styles each class in one sheet, since all of them apply to every view', () => {
  const owner = new Map<string, string>();
  for (const sheet of readdirSync(SHEETS).filter(it => it.endsWith('.css'))) {
    for (const name of ownClasses(sheet)) {
      expect([name, owner.get(name) ?? sheet]).toEqual([name, sheet]);
      owner.set(name, sheet);
    }
  }
  expect(owner.size).toBeGreaterThan(50);
});
