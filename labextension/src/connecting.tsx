import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import { type Answer, Field, FormBody } from './form';
import type { IAssociation, ICandidate, IDraft, IProfile, ISite } from './wire';

/** The questions of `connect`; what is known already stands in the fields. */

/** Which site of their own; null when it was put aside. The profile may say nothing yet. */
export async function askOwnSite(
  draft: IDraft,
  trans: TranslationBundle
): Answer<ICandidate> {
  const usable = draft.candidates.filter(it => !it.reason);
  const own: ICandidate = {
    site: 'mycluster',
    source: '',
    name: '',
    text: '',
    profile: { kind: 'slurm' },
    reason: ''
  };
  const body = new FormBody(
    <form
      className="jp-Continuum-profile"
      onSubmit={event => event.preventDefault()}
    >
      <fieldset>
        <legend>{trans.__('What other programs on this machine know')}</legend>
        {!usable.length && (
          <p className="jp-Continuum-hint">
            {trans.__(
              'Nothing: no host in ~/.ssh/config, no context of a kubeconfig, no jobqueue.yaml.'
            )}
          </p>
        )}
        {[...usable, own].map((candidate, index) => (
          <label
            key={`${candidate.source} ${candidate.name}`}
            className="jp-Continuum-option"
          >
            <input
              type="radio"
              name="candidate"
              value={index}
              defaultChecked={index === 0}
            />
            <span>
              {candidate.name || trans.__('A cluster that is not listed')}
              {candidate.source && (
                <small>{`${candidate.source}: ${candidate.text}`}</small>
              )}
            </span>
          </label>
        ))}
      </fieldset>
    </form>
  );
  const result = await showDialog({
    title: trans.__('Connect a cluster of your own'),
    body,
    buttons: [
      Dialog.cancelButton(),
      Dialog.okButton({ label: trans.__('Next') })
    ]
  });
  return result.button.accept
    ? [...usable, own][Number(result.value?.get('candidate') ?? 0)]
    : null;
}

/** The whole profile, from what is known and what the person says. */
export async function askProfile(options: {
  readonly draft: IDraft;
  /** null: one of their own, which has to be named. */
  readonly site: ISite | null;
  readonly trans: TranslationBundle;
}): Answer<IProfile> {
  const { draft, site, trans } = options;
  const isCluster = draft.profile.kind === 'kubernetes';
  const name = site?.name ?? draft.site;
  const body = new FormBody(
    <form
      className="jp-Continuum-profile"
      onSubmit={event => event.preventDefault()}
    >
      {isCluster && site && (
        <p className="jp-Continuum-question">{site.reason}</p>
      )}
      {draft.access && (
        <p className="jp-Continuum-hint">
          {trans.__('How one gets in: %1', draft.access)}
        </p>
      )}
      {site === null && (
        <Field
          name="site"
          label={trans.__('A short name for it, in lower case')}
          value={draft.site}
        />
      )}
      {isCluster ? (
        <ClusterFields draft={draft} trans={trans} />
      ) : (
        <LoginFields draft={draft} trans={trans} />
      )}
      <Terms draft={draft} name={name} trans={trans} />
      <p className="jp-Continuum-hint">
        {trans.__('Certificates, node selectors and everything else:')}{' '}
        <code>jupyter continuum connect {draft.site}</code>
      </p>
    </form>
  );
  const result = await showDialog({
    title: isCluster
      ? trans.__('Bind a cluster to %1', name)
      : trans.__('Connect %1', name),
    body,
    focusNodeSelector: 'input',
    buttons: [
      Dialog.cancelButton(),
      Dialog.okButton({ label: trans.__('Connect') })
    ]
  });
  if (!result.button.accept || !result.value) {
    return null;
  }
  return isCluster
    ? clusterProfileOf(draft, result.value)
    : loginProfileOf(draft, result.value);
}

interface IDraftProps {
  readonly draft: IDraft;
  readonly trans: TranslationBundle;
}

function LoginFields({ draft, trans }: IDraftProps): JSX.Element {
  const { ssh, account, work_directory } = draft.profile;
  const jumps = ssh?.jump?.map(hop => hop.host).join(', ');
  return (
    <>
      <Field
        name="user"
        label={trans.__('User name there')}
        value={ssh?.user ?? draft.user}
      />
      <Field
        name="host"
        label={trans.__('Login node')}
        value={ssh?.host}
        hint={jumps && trans.__('through %1', jumps)}
      />
      <Field
        name="key"
        label={trans.__('Private key, as a path on this machine')}
        placeholder={trans.__('your agent and usual keys when empty')}
        value={ssh?.key}
      />
      <Field
        name="work_directory"
        label={trans.__('Work directory there, on scratch if there is one')}
        placeholder="~/continuum"
        value={work_directory}
      />
      <Field
        name="account"
        label={trans.__('Account to charge')}
        placeholder={trans.__('asked once the site has told yours')}
        value={account}
      />
    </>
  );
}

function ClusterFields({ draft, trans }: IDraftProps): JSX.Element {
  const where = draft.profile.kubernetes;
  const pod = where?.offers?.[0];
  const contexts = draft.candidates
    .filter(it => it.source === 'kubeconfig' && !it.reason)
    .map(it => it.name);
  return (
    <>
      <Field
        name="context"
        label={trans.__('Context of your kubeconfig')}
        value={where?.context ?? contexts[0]}
        choices={contexts}
      />
      <Field
        name="namespace"
        label={trans.__('Namespace')}
        placeholder={trans.__("the context's own when empty")}
        value={where?.namespace}
      />
      <Field
        name="image"
        label={trans.__('Image with a worker environment')}
        value={pod?.image}
      />
      <Field
        name="cpus"
        label={trans.__('CPUs of a pod')}
        placeholder="2"
        value={pod && String(pod.cpus)}
      />
      <Field
        name="memory"
        label={trans.__('GB of memory of a pod')}
        placeholder="8"
        value={pod && String(pod.memory_gb)}
      />
      <Field
        name="gpus"
        label={trans.__('GPUs of a pod')}
        placeholder="0"
        value={pod && String(pod.gpus)}
      />
    </>
  );
}

/** Whether the person has accepted the terms of use, and where these are. */
function Terms(
  props: IDraftProps & { readonly name: string }
): JSX.Element | null {
  const { draft, name, trans } = props;
  const [link, label] = draft.terms
    ? [draft.terms, trans.__('Read them')]
    : [draft.docs, trans.__("The site's pages")];
  return (
    <div className="jp-Continuum-terms">
      <label className="jp-Continuum-option">
        <input
          type="checkbox"
          name="terms_accepted"
          defaultChecked={draft.profile.terms_accepted}
        />
        <span>{trans.__('I have accepted the terms of use of %1', name)}</span>
      </label>
      {/^https?:/.test(link) && (
        <a href={link} target="_blank" rel="noreferrer noopener">
          {label}
        </a>
      )}
    </div>
  );
}

/** Which account is charged, and with which QoS; null: leave it to the site. */
export async function askAccount(
  site: string,
  found: readonly IAssociation[],
  trans: TranslationBundle
): Answer<{ account: string; qos: string }> {
  const accounts = [...new Set(found.map(it => it.account))];
  const body = new FormBody(
    <form
      className="jp-Continuum-profile"
      onSubmit={event => event.preventDefault()}
    >
      <fieldset>
        <legend>{trans.__('%1 lets you charge', site)}</legend>
        {accounts.map((account, index) => (
          <label key={account} className="jp-Continuum-option">
            <input
              type="radio"
              name="account"
              value={account}
              defaultChecked={index === 0}
            />
            <span>{account}</span>
          </label>
        ))}
      </fieldset>
      <Field
        name="qos"
        label={trans.__('QoS')}
        placeholder={trans.__('the site decides when empty')}
        choices={[...new Set(found.flatMap(it => it.qos))]}
      />
    </form>
  );
  const result = await showDialog({
    title: trans.__('Which account is charged?'),
    body,
    buttons: [
      Dialog.cancelButton({ label: trans.__('The default one') }),
      Dialog.okButton({ label: trans.__('Charge it') })
    ]
  });
  const form = result.value;
  return result.button.accept && form
    ? {
        account: String(form.get('account') ?? ''),
        qos: String(form.get('qos') ?? '').trim()
      }
    : null;
}

function loginProfileOf(draft: IDraft, form: FormData): IProfile {
  const value = (name: string) => String(form.get(name) ?? '').trim();
  const host = value('host');
  const { ssh, ...rest } = draft.profile;
  const { host_key, key: _, ...login } = ssh ?? { host: '', user: '' };
  return {
    ...rest,
    site: value('site') || draft.site,
    kind: 'slurm',
    terms_accepted: form.has('terms_accepted') || undefined,
    // Without a login node, sbatch runs on this machine.
    ...(host && {
      ssh: {
        ...login,
        host,
        user: value('user'),
        ...filled({ key: value('key') }),
        // A key is pinned to the host that showed it.
        ...(host === ssh?.host ? filled({ host_key }) : {})
      }
    }),
    account: value('account') || undefined,
    work_directory: value('work_directory') || undefined
  };
}

function clusterProfileOf(draft: IDraft, form: FormData): IProfile {
  const value = (name: string) => String(form.get(name) ?? '').trim();
  const gpus = Number(value('gpus') || 0);
  const before = draft.profile.kubernetes;
  const [first, ...others] = before?.offers ?? [];
  const pod = {
    ...first,
    name: first?.name ?? (gpus ? 'gpu' : 'cpu'),
    image: value('image'),
    cpus: Number(value('cpus') || 2),
    memory_gb: Number(value('memory') || 8),
    gpus
  };
  return {
    ...draft.profile,
    site: value('site') || draft.site,
    kind: 'kubernetes',
    terms_accepted: form.has('terms_accepted') || undefined,
    kubernetes: {
      ...before,
      context: value('context'),
      namespace: value('namespace') || undefined,
      offers: [pod, ...others]
    }
  };
}

/** Only those that say something. */
function filled(
  fields: Readonly<Record<string, string | undefined>>
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(fields).filter((it): it is [string, string] =>
      Boolean(it[1])
    )
  );
}
