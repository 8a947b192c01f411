import { readdirSync, readFileSync } from 'node:fs';

import ts from 'typescript';
import { expect, it } from 'vitest';

const SOURCES = new URL('.', import.meta.url);
/** What a person reads, wherever it is given. */
const SHOWN = [
  'alt',
  'aria-label',
  'buttonLabel',
  'caption',
  'hint',
  'label',
  'placeholder',
  'refusal',
  'summary',
  'title'
];
/** A word in it: what has none reads the same everywhere, as does a path. */
const WORD = /^(?!~\/).*\p{L}{2,}/su;

function literalsOf(node: ts.Node): readonly string[] {
  if (ts.isStringLiteralLike(node)) {
    return [node.text];
  }
  if (ts.isJsxExpression(node) && node.expression) {
    return literalsOf(node.expression);
  }
  if (ts.isConditionalExpression(node)) {
    return [...literalsOf(node.whenTrue), ...literalsOf(node.whenFalse)];
  }
  if (ts.isTemplateExpression(node)) {
    return [node.head.text, ...node.templateSpans.map(it => it.literal.text)];
  }
  return [];
}

/** Words that a face shows as they stand in its source. */
export function untranslated(name: string, source: string): readonly string[] {
  const file = ts.createSourceFile(
    name,
    source,
    ts.ScriptTarget.ES2022,
    true,
    name.endsWith('x') ? ts.ScriptKind.TSX : ts.ScriptKind.TS
  );
  const found: string[] = [];
  const keep = (texts: readonly string[]) =>
    found.push(...texts.filter(it => WORD.test(it)));
  const visit = (node: ts.Node): void => {
    if (
      ts.isJsxElement(node) &&
      node.openingElement.tagName.getText(file) === 'code'
    ) {
      return; // a command reads the same everywhere
    }
    if (ts.isJsxText(node)) {
      keep([node.text]);
    } else if (
      (ts.isJsxAttribute(node) || ts.isPropertyAssignment(node)) &&
      SHOWN.includes(node.name.getText(file).replace(/'/g, '')) &&
      node.initializer
    ) {
      keep(literalsOf(node.initializer));
    } else if (ts.isJsxExpression(node) && !ts.isJsxAttribute(node.parent)) {
      keep(literalsOf(node));
    } else if (
      ts.isCallExpression(node) &&
      /^Notification\.(error|info|success|warning)$/.test(
        node.expression.getText(file)
      )
    ) {
      keep(literalsOf(node.arguments[0]));
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found.map(it => `${name}: ${it.trim()}`);
}

it('has every word that a person reads from the translations', () => {
  const names = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' });
  const sources = names.filter(it => /(?<!\.spec)\.tsx?$/.test(it));
  expect(sources.length).toBeGreaterThan(60);
  const found = sources.flatMap(name =>
    untranslated(name, readFileSync(new URL(name, SOURCES), 'utf8'))
  );
  expect(found).toEqual([]);
});

it('sees a word that is not', () => {
  const source = `const it = (
    <button title={isOpen ? 'Close it' : trans.__('Open')} className="a-class">
      Stop <b>{\`of \${count}\`}</b> · {trans.__('Yes')}
    </button>
  );
  Notification.info('Done');`;
  expect(untranslated('It.tsx', source)).toEqual([
    'It.tsx: Close it',
    'It.tsx: Stop',
    'It.tsx: of',
    'It.tsx: Done'
  ]);
});
