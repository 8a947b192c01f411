/** The European Union, as what a country is asked to be. */
export const UNION = 'EU';

/** Its members (1 February 2020 on), as a policy of jurisdictions has them, too. */
export const MEMBERS: ReadonlySet<string> = new Set(
  (
    'AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU ' +
    'LV MT NL PL PT RO SE SI SK'
  ).split(' ')
);
