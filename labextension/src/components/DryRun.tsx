import type { TranslationBundle } from '@jupyterlab/translation';

import * as format from '../format';
import { groupName, siteName } from '../select';
import type {
  IAmount,
  IDryRun,
  IFinding,
  IGroupDryRun,
  IParity,
  ISite,
  IWait
} from '../wire';
import { Sentence } from './Sentence';

interface IOf<T> {
  readonly of: T;
  readonly trans: TranslationBundle;
}

interface INamed<T> extends IOf<T> {
  readonly name: string;
}

/** What a launch would do, to the letter, with what it would cost; ticked claims are form values. */
export function DryRun(
  props: IOf<IDryRun> & {
    readonly accepted: readonly string[];
    readonly sites: readonly ISite[];
  }
): JSX.Element {
  const { of: run, accepted, sites, trans } = props;
  return (
    <form
      className="jp-Continuum-dryRun"
      onSubmit={event => event.preventDefault()}
    >
      {run.refusal && (
        <p className="jp-Continuum-warning" data-tone="bad" role="alert">
          <Sentence text={run.refusal} />
        </p>
      )}
      {run.warnings.map(warning => (
        <p key={warning} className="jp-Continuum-warning">
          <Sentence text={warning} />
        </p>
      ))}
      {run.groups.map(group => (
        <Group
          key={group.group}
          of={group}
          name={groupName(sites, {
            name: group.group,
            site: group.offer.split('/')[0]
          })}
          trans={trans}
        />
      ))}
      <Policy of={run.policy} accepted={accepted} trans={trans} />
      {run.parity.map(site => (
        <Parity
          key={site.site}
          of={site}
          name={siteName(sites, site.site)}
          trans={trans}
        />
      ))}
      <section>
        <h3>{trans.__('The plan as a file')}</h3>
        <pre tabIndex={0} aria-label={trans.__('The plan as a file')}>
          {run.plan}
        </pre>
      </section>
    </form>
  );
}

function Group({ of: group, name, trans }: INamed<IGroupDryRun>): JSX.Element {
  const unit = group.unit || trans.__('unit');
  return (
    <section>
      <h3>
        {name}
        <span className="jp-Continuum-code"> {group.offer}</span>
        <span className="jp-Continuum-count">
          {trans._n('%1 job', '%1 jobs', group.jobs)}
          {' · '}
          {trans._n('%1 worker', '%1 workers', group.workers)}
        </span>
      </h3>
      <table
        className="jp-Continuum-facts"
        aria-label={trans.__('What %1 takes', name)}
      >
        <tbody>
          <Fact name={trans.__('Wait')} of={group.wait}>
            {waitText(group.wait, trans)}
          </Fact>
          <Fact name={trans.__('Cost')} of={group.eur}>
            {format.amount(group.eur, 'EUR')}
          </Fact>
          <Fact name={trans.__('Allocation')} of={group.units}>
            {format.amount(
              group.units,
              format.unitName(group.units.value, unit)
            )}
          </Fact>
          <Fact name={trans.__('Energy')} of={group.energy_kwh}>
            {format.amount(group.energy_kwh, 'kWh')}
          </Fact>
          <Fact name={trans.__('Carbon')} of={group.carbon_kg}>
            {format.amount(group.carbon_kg, 'kgCO₂e')}
          </Fact>
          {group.certificate && (
            <tr>
              <th scope="row">{trans.__('Login')}</th>
              <td colSpan={2}>
                <Sentence text={group.certificate} />
              </td>
            </tr>
          )}
        </tbody>
      </table>
      <details open>
        <summary>{trans.__('What each job submits, to the letter')}</summary>
        <pre tabIndex={0}>{group.script}</pre>
      </details>
    </section>
  );
}

/** A value, and how it is known; of what is unknown why. */
function Fact(props: {
  readonly name: string;
  readonly of: IAmount | IWait;
  readonly children: string;
}): JSX.Element {
  const { kind, source, reason, date } = props.of;
  const record = 'record' in props.of ? props.of.record : '';
  const known = kind === 'unknown' ? '' : kind;
  return (
    <tr data-kind={kind}>
      <th scope="row">{props.name}</th>
      <td>{props.children || '–'}</td>
      <td className="jp-Continuum-origin">
        <Sentence
          text={[known, source, date, record, reason]
            .filter(Boolean)
            .join(' · ')}
        />
      </td>
    </tr>
  );
}

function waitText(wait: IWait, trans: TranslationBundle): string {
  if (wait.median === null) {
    return '';
  }
  const about = wait.kind === 'estimated' ? '~' : '';
  const half = `${about}${format.seconds(wait.median)}`;
  return wait.likely === null || wait.likely === wait.median
    ? half
    : trans.__('%1, 90 %: %2', half, format.seconds(wait.likely));
}

/** What the person's limits say. What is unknown can be taken as it is, claim by claim. */
function Policy(
  props: IOf<readonly IFinding[]> & { readonly accepted: readonly string[] }
): JSX.Element | null {
  const { of: findings, accepted, trans } = props;
  if (!findings.length) {
    return null;
  }
  return (
    <section>
      <h3>{trans.__('Your policy')}</h3>
      <ul className="jp-Continuum-findings">
        {findings.map(it => (
          <li key={`${it.rule} ${it.site}`} data-verdict={it.verdict}>
            <b>{verdictWord(it.verdict, trans)}</b> {it.rule}:{' '}
            <Sentence text={it.said} />
            {(it.verdict === 'unknown' || accepted.includes(it.claim)) && (
              <label>
                <input
                  type="checkbox"
                  name="accept"
                  value={it.claim}
                  defaultChecked={accepted.includes(it.claim)}
                />
                {trans.__(
                  'Accept %1 as it is, for this launch; the run record keeps that',
                  it.claim
                )}
              </label>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

function verdictWord(verdict: string, trans: TranslationBundle): string {
  switch (verdict) {
    case 'satisfied':
      return trans.__('Kept');
    case 'accepted':
      return trans.__('Accepted by you');
    case 'unknown':
      return trans.__('Not known');
    case 'refused':
      return trans.__('Not kept');
    default:
      return verdict;
  }
}

/** What differs between the worker environment of a site and this one. */
function Parity({
  of: site,
  name,
  trans
}: INamed<IParity>): JSX.Element | null {
  const rows = site.rows.filter(row => row.verdict !== 'same');
  if (!site.rows.length) {
    return null;
  }
  return (
    <section>
      <h3>
        {trans.__('Environment of %1', name)}
        <span className="jp-Continuum-count">
          {trans.__(
            '%1 of %2 packages the same',
            site.rows.length - rows.length,
            site.rows.length
          )}
        </span>
      </h3>
      {rows.length > 0 && (
        <table className="jp-Continuum-parity">
          <caption>{site.python}</caption>
          <thead>
            <tr>
              <th scope="col">{trans.__('What')}</th>
              <th scope="col">{trans.__('Here')}</th>
              <th scope="col">{trans.__('There')}</th>
              <th scope="col">{trans.__('Verdict')}</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(row => (
              <tr key={row.what} data-verdict={row.verdict}>
                <th scope="row">{row.what}</th>
                <td>{row.here || '–'}</td>
                <td>{row.there || '–'}</td>
                <td>{parityWord(row.verdict, trans)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function parityWord(verdict: string, trans: TranslationBundle): string {
  switch (verdict) {
    case 'fine':
      return trans.__('does no harm');
    case 'told':
      return trans.__('should be known');
    case 'refused':
      return trans.__('does not fit');
    default:
      return trans.__('not known before a job runs');
  }
}
