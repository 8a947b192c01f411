import '../../style/browse.css';
import '../../style/map.css';

import { MainAreaWidget, ReactWidget } from '@jupyterlab/apputils';

import { continuumIcon } from '../icon';
import { Browse, type IBrowseProps } from './Browse';

export { SavedFilters } from './saved';

/** The view of all offers, as a tab of the main area. */
export function browseWidget(props: IBrowseProps): MainAreaWidget<ReactWidget> {
  const { model, trans } = props;
  const content = ReactWidget.create(<Browse {...props} />);
  content.addClass('jp-Continuum');
  content.addClass('jp-Continuum-browse');
  const widget = new MainAreaWidget({ content });
  // MainAreaWidget makes it a region too, of a name that says nothing.
  content.node.setAttribute('aria-label', trans.__('Browse compute'));
  widget.id = 'jupyter-continuum-browse';
  widget.title.label = trans.__('Browse compute');
  widget.title.icon = continuumIcon;
  widget.title.closable = true;
  widget.toolbar.hide();
  if (model.phase === 'idle' || model.phase === 'failed') {
    void model.refresh();
  }
  return widget;
}
