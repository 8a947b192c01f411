import type { ISignal } from '@lumino/signaling';
import { useEffect, useReducer } from 'react';

/** Render again whenever the model says that something changed. */
export function useModel(model: {
  readonly stateChanged: ISignal<unknown, void>;
}): void {
  const [, again] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    model.stateChanged.connect(again);
    again();
    return () => {
      model.stateChanged.disconnect(again);
    };
  }, [model]);
}
