import { Clusters } from './Clusters';
import { type IPanelContext, PanelContext } from './context';
import { Data } from './Data';
import { Devices } from './Devices';
import { Launch } from './Launch';
import { Notices } from './Notices';
import { Sites } from './Sites';
import { useModel } from './useModel';

/** The whole panel. */
export function Panel(context: IPanelContext): JSX.Element {
  useModel(context.model);
  return (
    <PanelContext.Provider value={{ ...context }}>
      <Notices />
      <Sites />
      <Launch />
      <Clusters />
      <Devices />
      <Data />
    </PanelContext.Provider>
  );
}
