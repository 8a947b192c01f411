import { Dialog, ReactWidget, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import type {
  ICluster,
  IDryRun,
  IParity,
  IProfile,
  IPrompt,
  ISite
} from './wire';

/** What a dialog was answered; null when it was put aside. */
type Answer<T> = Promise<T | null>;

/** A body whose named inputs become the dialog's value. */
class FormBody extends ReactWidget implements Dialog.IBodyWidget<FormData> {
  constructor(private readonly content: JSX.Element) {
    super();
    this.addClass('jp-Continuum-dialog');
  }

  getValue(): FormData {
    const form = this.node.querySelector('form');
    return form ? new FormData(form) : new FormData();
  }

  protected render(): JSX.Element {
    return this.content;
  }
}

/**
 * Ask what only the person knows. `null`: decide later; `{ value: null }`: refused.
 * The dialog closes by itself once the prompt is `gone`: answered elsewhere, or too late.
 */
export async function askPrompt(
  prompt: IPrompt,
  gone: Promise<void>,
  trans: TranslationBundle
): Answer<{ value: string | null }> {
  const isHostKey = prompt.kind === 'host-key';
  const body = new FormBody(
    <form onSubmit={event => event.preventDefault()}>
      <p className="jp-Continuum-question">{prompt.text}</p>
      {!isHostKey && (
        <input
          name="answer"
          className="jp-mod-styled"
          type={prompt.secret ? 'password' : 'text'}
          autoComplete={prompt.kind === 'code' ? 'one-time-code' : 'off'}
          spellCheck={false}
          aria-label={prompt.text}
        />
      )}
      <p className="jp-Continuum-hint">
        {isHostKey
          ? trans.__('Compare it with the one your site publishes.')
          : trans.__('It is passed on once, and neither stored nor logged.')}
      </p>
    </form>
  );
  const dialog = new Dialog({
    title: trans.__('%1 asks', prompt.site),
    body,
    focusNodeSelector: 'input',
    buttons: [
      Dialog.cancelButton({ label: trans.__('Later') }),
      Dialog.warnButton({
        label: trans.__('Refuse'),
        actions: ['refuse'],
        accept: true
      }),
      Dialog.okButton({
        label: isHostKey ? trans.__('Trust this host') : trans.__('Answer')
      })
    ]
  });
  void gone.then(() => dialog.isDisposed || dialog.reject());
  const result = await dialog.launch();
  if (!result.button.accept) {
    return null;
  }
  if (result.button.actions.includes('refuse')) {
    return { value: null };
  }
  if (isHostKey) {
    return { value: 'yes' };
  }
  return { value: String(result.value?.get('answer') ?? '') };
}

/** Show what a launch would do; true when the person wants it done. */
export async function confirmDryRun(
  dryRun: IDryRun,
  trans: TranslationBundle
): Promise<boolean> {
  const body = new FormBody(
    <div className="jp-Continuum-dryRun">
      {dryRun.warnings.map(warning => (
        <p key={warning} className="jp-Continuum-warning">
          {warning}
        </p>
      ))}
      {dryRun.parity.map(site => (
        <Parity key={site.site} site={site} trans={trans} />
      ))}
      {dryRun.groups.map(group => (
        <section key={group.group}>
          <h3>
            {group.group}
            <span className="jp-Continuum-code"> {group.offer}</span>
          </h3>
          <p>
            {trans._n('%1 job', '%1 jobs', group.jobs)}
            {', '}
            {trans._n('%1 worker', '%1 workers', group.workers)}
            {'. '}
            {trans.__('Each job submits, to the letter:')}
          </p>
          <pre tabIndex={0}>{group.script}</pre>
        </section>
      ))}
    </div>
  );
  const refused = dryRun.parity.some(site => site.refusal);
  const result = await showDialog({
    title: trans.__('Dry run of %1', dryRun.cluster),
    body,
    buttons: [
      Dialog.cancelButton({ label: trans.__('Close') }),
      ...(refused ? [] : [Dialog.okButton({ label: trans.__('Launch') })])
    ]
  });
  return result.button.accept;
}

/** What differs between the worker environment of a site and this one. */
function Parity(props: {
  site: IParity;
  trans: TranslationBundle;
}): JSX.Element | null {
  const { site, trans } = props;
  const rows = site.rows.filter(row => row.verdict !== 'same');
  if (rows.length === 0) {
    return null;
  }
  return (
    <table className="jp-Continuum-parity">
      <caption>
        {trans.__('Environment of %1: %2', site.site, site.python)}
      </caption>
      <thead>
        <tr>
          <th scope="col">{trans.__('What')}</th>
          <th scope="col">{trans.__('Here')}</th>
          <th scope="col">{trans.__('There')}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(row => (
          <tr key={row.what} data-verdict={row.verdict}>
            <th scope="row">{row.what}</th>
            <td>{row.here || '–'}</td>
            <td>{row.there || '–'}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Ask how the person logs in to a site, or which cluster they have at a cloud. */
export async function askProfile(
  site: ISite,
  trans: TranslationBundle
): Answer<IProfile> {
  return site.kind === 'cloud'
    ? askCluster(site, trans)
    : askLogin(site, trans);
}

async function askLogin(
  site: ISite,
  trans: TranslationBundle
): Answer<IProfile> {
  const body = new FormBody(
    <form
      className="jp-Continuum-profile"
      onSubmit={event => event.preventDefault()}
    >
      <Field name="user" label={trans.__('User name there')} />
      <Field name="host" label={trans.__('Login node')} />
      <Field
        name="key"
        label={trans.__('Private key, as a path on this machine')}
        placeholder={trans.__('your agent and usual keys when empty')}
      />
      <Field
        name="account"
        label={trans.__('Account to charge')}
        placeholder={trans.__('the one the site suggests when empty')}
      />
      <p className="jp-Continuum-hint">
        {trans.__(
          'Certificates, jump hosts, own clusters and everything else:'
        )}{' '}
        <code>jupyter continuum connect {site.id}</code>
      </p>
    </form>
  );
  const result = await showDialog({
    title: trans.__('Connect %1', site.name),
    body,
    focusNodeSelector: 'input',
    buttons: [
      Dialog.cancelButton(),
      Dialog.okButton({ label: trans.__('Connect') })
    ]
  });
  return result.button.accept && result.value
    ? profileOf(site.id, result.value)
    : null;
}

async function askCluster(
  site: ISite,
  trans: TranslationBundle
): Answer<IProfile> {
  const body = new FormBody(
    <form
      className="jp-Continuum-profile"
      onSubmit={event => event.preventDefault()}
    >
      <p className="jp-Continuum-question">{site.reason}</p>
      <Field name="context" label={trans.__('Context of your kubeconfig')} />
      <Field
        name="namespace"
        label={trans.__('Namespace')}
        placeholder={trans.__("the context's own when empty")}
      />
      <Field name="image" label={trans.__('Image with a worker environment')} />
      <Field name="cpus" label={trans.__('CPUs of a pod')} placeholder="2" />
      <Field
        name="memory"
        label={trans.__('GB of memory of a pod')}
        placeholder="8"
      />
      <Field name="gpus" label={trans.__('GPUs of a pod')} placeholder="0" />
      <p className="jp-Continuum-hint">
        {trans.__('Several offers, node selectors and everything else:')}{' '}
        <code>jupyter continuum connect {site.id}</code>
      </p>
    </form>
  );
  const result = await showDialog({
    title: trans.__('Bind a cluster to %1', site.name),
    body,
    focusNodeSelector: 'input',
    buttons: [
      Dialog.cancelButton(),
      Dialog.okButton({ label: trans.__('Connect') })
    ]
  });
  return result.button.accept && result.value
    ? clusterProfileOf(site.id, result.value)
    : null;
}

/** Show what jobs printed. */
export async function showLogs(
  title: string,
  logs: Readonly<Record<string, string>>,
  trans: TranslationBundle
): Promise<void> {
  const jobs = Object.entries(logs);
  const body = new FormBody(
    <div className="jp-Continuum-dryRun">
      {!jobs.length && <p>{trans.__('Nothing was printed yet.')}</p>}
      {jobs.map(([job, text]) => (
        <section key={job}>
          <h3 className="jp-Continuum-code">{job}</h3>
          <pre tabIndex={0}>{text || trans.__('Nothing was printed yet.')}</pre>
        </section>
      ))}
    </div>
  );
  await showDialog({
    title,
    body,
    buttons: [Dialog.okButton({ label: trans.__('Close') })]
  });
}

export async function confirmStop(
  cluster: ICluster,
  trans: TranslationBundle
): Promise<boolean> {
  const result = await showDialog({
    title: trans.__('Stop %1?', cluster.name),
    body: trans.__(
      'Its jobs end at every site. Results that are still on its workers are lost.'
    ),
    buttons: [
      Dialog.cancelButton(),
      Dialog.warnButton({ label: trans.__('Stop') })
    ]
  });
  return result.button.accept;
}

function Field(props: {
  readonly name: string;
  readonly label: string;
  readonly placeholder?: string;
}): JSX.Element {
  return (
    <label className="jp-Continuum-field">
      <span>{props.label}</span>
      <input
        name={props.name}
        className="jp-mod-styled"
        placeholder={props.placeholder}
        autoComplete="off"
        spellCheck={false}
      />
    </label>
  );
}

function profileOf(site: string, form: FormData): IProfile {
  const value = (name: string) => String(form.get(name) ?? '').trim();
  const [key, account] = [value('key'), value('account')];
  return {
    site,
    kind: 'slurm',
    ssh: { host: value('host'), user: value('user'), ...(key && { key }) },
    ...(account && { account })
  };
}

function clusterProfileOf(site: string, form: FormData): IProfile {
  const value = (name: string) => String(form.get(name) ?? '').trim();
  const [namespace, gpus] = [value('namespace'), Number(value('gpus') || 0)];
  const pod = {
    name: gpus ? 'gpu' : 'cpu',
    image: value('image'),
    cpus: Number(value('cpus') || 2),
    memory_gb: Number(value('memory') || 8),
    gpus
  };
  return {
    site,
    kind: 'kubernetes',
    kubernetes: {
      context: value('context'),
      ...(namespace && { namespace }),
      offers: [pod]
    }
  };
}
