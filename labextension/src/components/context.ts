import type { TranslationBundle } from '@jupyterlab/translation';
import { createContext, useContext } from 'react';

import type { FilesModel, IRemote } from '../files/model';
import type { IContinuumModel } from '../tokens';
import type {
  ICluster,
  IDataset,
  IFetch,
  IGroup,
  IPrompt,
  ISite,
  IWorker
} from '../wire';

/** What a click may lead to; dialogs and notebooks are behind it. */
export interface IActions {
  browse(): void;
  /** Show the panel, unfolded at this site. */
  reveal(site: string): void;
  /** Where commands that renew a login are run. */
  openTerminal(): void;
  /** Log in where that is needed, and look anew. */
  refresh(site: ISite): void;
  /** Get a new certificate by the site's own program. */
  renew(site: ISite): void;
  connect(site: ISite): void;
  connectOwn(): void;
  disconnect(site: ISite): void;
  dryRun(): void;
  launch(): void;
  insertCell(cluster: ICluster): void;
  /** Let what was pressed be dragged into a notebook. */
  dragCell(cluster: ICluster, pressed: PointerEvent): void;
  /** Put a cell that opens it into the notebook. */
  insertOpening(dataset: IDataset): void;
  /** Bring it to the folder that the file browser shows. */
  fetchFile(file: IRemote): void;
  stopFetch(fetch: IFetch): void;
  /** Ask what is on its way. */
  lookForFetches(): void;
  openDashboard(cluster: ICluster): void;
  openWorker(cluster: ICluster, worker: IWorker): void;
  /** Choose plots of its dashboard and open each as a tab. */
  openPlots(cluster: ICluster): void;
  /** Let workers of a group hand over what they hold, then end their jobs. */
  drain(cluster: ICluster, group: IGroup): void;
  showLogs(cluster: ICluster, group: string): void;
  stop(cluster: ICluster): void;
  /** Ask, then drop every client; or stop the cluster instead. */
  endAccess(cluster: ICluster): void;
  openAccess(cluster: ICluster): void;
  scale(cluster: ICluster, group: string, jobs: number): void;
  probe(site: ISite): void;
  cancelProbe(site: ISite): void;
  answer(prompt: IPrompt): void;
}

export interface IPanelContext {
  /** Clusters end with the container that this server is in. */
  readonly endsWithContainer: boolean;
  readonly model: IContinuumModel;
  readonly files: FilesModel;
  readonly actions: IActions;
  readonly trans: TranslationBundle;
}

export const PanelContext = createContext<IPanelContext | null>(null);

export function usePanel(): IPanelContext {
  const context = useContext(PanelContext);
  if (context === null) {
    throw new Error('A Continuum component was rendered outside its panel.');
  }
  return context;
}
