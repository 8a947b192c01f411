import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import { DryRun } from './components/DryRun';
import { type Answer, FormBody } from './form';
import type { ICluster, IDryRun, IPrompt } from './wire';

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
  trans: TranslationBundle
): Answer<Decision> {
  const body = new FormBody(
    <DryRun of={dryRun} accepted={accepted} trans={trans} />
  );
  const refused =
    dryRun.refusal !== '' || dryRun.parity.some(site => site.refusal);
  const mayAccept = dryRun.policy.some(it => it.verdict === 'unknown');
  const button = (wants: Decision['wants'], label: string) =>
    Dialog.createButton({ label, actions: [wants], accept: true });
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
