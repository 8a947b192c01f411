import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import { DryRun } from './components/DryRun';
import { type Answer, FormBody } from './form';
import type { ICluster, IDryRun, IPrompt, ISite } from './wire';

/**
 * Ask what only the person knows. `null`: decide later; `{ value: null }`: refused.
 * The dialog closes by itself once the prompt is `gone`: answered elsewhere, or too late.
 */
export async function askPrompt(
  prompt: IPrompt,
  /** Its name. */
  site: string,
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
    title: trans.__('%1 asks', site),
    body,
    focusNodeSelector: 'input',
    // Enter, pressed for something else, must not trust a host.
    ...(isHostKey && { defaultButton: 0 }),
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

/** What the person wants after a dry run; null: nothing. */
export type Decision = {
  readonly wants: 'launch' | 'save' | 'again';
  /** Claims of the policy that they take as they are. */
  readonly accept: readonly string[];
};

/** Show what a launch would do, and ask what to do with it. */
export async function decideOn(
  dryRun: IDryRun,
  accepted: readonly string[],
  sites: readonly ISite[],
  trans: TranslationBundle
): Answer<Decision> {
  const body = new FormBody(
    <DryRun of={dryRun} accepted={accepted} sites={sites} trans={trans} />
  );
  const refused =
    dryRun.refusal !== '' || dryRun.parity.some(site => site.refusal);
  const mayAccept = dryRun.policy.some(it => it.verdict === 'unknown');
  const button = (wants: Decision['wants'], label: string) =>
    Dialog.createButton({
      label,
      actions: [wants],
      accept: true,
      className: wants === 'save' ? 'jp-mod-reject' : ''
    });
  const result = await showDialog({
    title: trans.__('Dry run of %1', dryRun.cluster),
    body,
    buttons: [
      Dialog.cancelButton({ label: trans.__('Close') }),
      button('save', trans.__('Save plan…')),
      ...(mayAccept ? [button('again', trans.__('Check again'))] : []),
      ...(refused ? [] : [button('launch', trans.__('Launch'))])
    ]
  });
  if (!result.button.accept) {
    return null;
  }
  return {
    wants: result.button.actions[0] as Decision['wants'],
    accept: [...new Set(result.value?.getAll('accept') ?? [])].map(String)
  };
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

/** Which plots to open; none when it was put aside. */
export async function choosePlots(
  plots: Readonly<Record<string, string>>,
  trans: TranslationBundle
): Promise<readonly string[]> {
  const names = Object.keys(plots).sort();
  const usual = ['task stream', 'progress'];
  const body = new FormBody(
    <form
      className="jp-Continuum-plots"
      onSubmit={event => event.preventDefault()}
    >
      {names.map(name => (
        <label key={name} className="jp-Continuum-option">
          <input
            type="checkbox"
            name="plot"
            value={name}
            defaultChecked={usual.includes(withoutWord(name).toLowerCase())}
          />
          <span>{withoutWord(name)}</span>
        </label>
      ))}
    </form>
  );
  const result = await showDialog({
    title: trans.__('Plots of the Dask dashboard'),
    body,
    buttons: [
      Dialog.cancelButton(),
      Dialog.okButton({ label: trans.__('Open') })
    ]
  });
  return result.button.accept
    ? (result.value?.getAll('plot') ?? []).map(String)
    : [];
}

/** Dask calls each of them `Individual ...`. */
function withoutWord(plot: string): string {
  return plot.replace(/^individual /i, '');
}

export async function confirmDrain(
  cluster: ICluster,
  /** Its name. */
  group: string,
  trans: TranslationBundle
): Promise<boolean> {
  const result = await showDialog({
    title: trans.__('Drain %1 of %2?', group, cluster.name),
    body: trans.__(
      'Its workers hand over what they hold to the others, then its jobs end. The rest of the cluster goes on.'
    ),
    buttons: [
      Dialog.cancelButton(),
      Dialog.okButton({ label: trans.__('Drain') })
    ]
  });
  return result.button.accept;
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

/** Whether to end access, or the cluster with it; null: neither. */
export async function confirmEndOfAccess(
  cluster: ICluster,
  trans: TranslationBundle
): Promise<'end' | 'stop' | null> {
  const result = await showDialog({
    title: trans.__('End all access to %1?', cluster.name),
    body: new FormBody(
      <div className="jp-Continuum-dryRun">
        <p>
          {trans.__(
            'Every client is dropped now, and no certificate that was given so far lets anybody in again. What clients still waited for is given up; results that are published stay, and so do the jobs.'
          )}
        </p>
        <p>
          {trans.__(
            'Nobody can attach until you let clients in again. If somebody ran code that you do not trust, stop the cluster instead: code that runs already is not taken back.'
          )}
        </p>
      </div>
    ),
    defaultButton: 0,
    buttons: [
      Dialog.cancelButton(),
      Dialog.createButton({
        label: trans.__('Stop the cluster instead'),
        actions: ['stop'],
        accept: true,
        className: 'jp-mod-reject'
      }),
      Dialog.warnButton({ label: trans.__('End all access') })
    ]
  });
  if (!result.button.accept) {
    return null;
  }
  return result.button.actions.includes('stop') ? 'stop' : 'end';
}
