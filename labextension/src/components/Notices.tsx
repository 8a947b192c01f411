import { usePanel } from './context';
import { Sentence } from './Sentence';

/** What wants the person's attention before anything else: questions, and a broker that is gone. */
export function Notices(): JSX.Element {
  const { model, actions, trans } = usePanel();
  return (
    <>
      {model.phase === 'failed' && (
        <div className="jp-Continuum-notice" data-tone="bad" role="alert">
          <p>
            <Sentence text={model.trouble} />
          </p>
          <button
            type="button"
            className="jp-Continuum-button"
            onClick={() => void model.refresh()}
          >
            {trans.__('Try again')}
          </button>
        </div>
      )}
      {model.prompts.map(prompt => (
        <div
          key={prompt.id}
          className="jp-Continuum-notice"
          data-tone="attention"
          role="alert"
        >
          <p>{prompt.text}</p>
          <button
            type="button"
            className="jp-Continuum-button jp-mod-accept"
            onClick={() => actions.answer(prompt)}
          >
            {trans.__('Answer…')}
          </button>
        </div>
      ))}
    </>
  );
}
