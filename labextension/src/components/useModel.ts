import { useEffect, useReducer } from 'react';

import type { IContinuumModel } from '../tokens';

/** Render again whenever the model says that something changed. */
export function useModel(model: IContinuumModel): void {
  const [, again] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    model.stateChanged.connect(again);
    again();
    return () => {
      model.stateChanged.disconnect(again);
    };
  }, [model]);
}
