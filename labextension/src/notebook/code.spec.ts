import { expect, it } from 'vitest';

import type { ICluster } from '../wire';
import { attachesTo, attachingCode } from './code';

const code = (name: string) =>
  attachingCode({ name, attach: '' } as unknown as ICluster);

it('knows the cell that it wrote, and whose it is', () => {
  expect(attachesTo(code('deep-sea'))).toBe('deep-sea');
  expect(attachesTo(`${code('deep-sea')}\n`)).toBe('deep-sea');
});

it('leaves a cell alone that does anything else', () => {
  expect(attachesTo(`${code('deep-sea')}\nprint(1)`)).toBeNull();
  expect(attachesTo(`# ${code('deep-sea')}`)).toBeNull();
  expect(attachesTo('jc.attach("deep-sea")')).toBeNull();
  expect(attachesTo('')).toBeNull();
});
