import { expect, it } from 'vitest';

import { NO_FILTER } from './rows';
import { asked, asksSame, filterOf } from './saved';

it('keeps only what is asked for, and gives the same filter back', () => {
  const filter = { ...NO_FILTER, words: 'a100', maxEur: 0, readyNow: true };
  expect(asked(filter)).toEqual({ words: 'a100', maxEur: 0, readyNow: true });
  expect(asksSame(filterOf(asked(filter)), filter)).toBe(true);
  expect(asksSame(filter, NO_FILTER)).toBe(false);
});

it('takes what a person wrote by hand as far as it is a filter', () => {
  expect(filterOf({ words: 7, maxGrams: '9', country: 'FI', x: 1 })).toEqual({
    ...NO_FILTER,
    country: 'FI'
  });
  expect(filterOf(null)).toEqual(NO_FILTER);
});
