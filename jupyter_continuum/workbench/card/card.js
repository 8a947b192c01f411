// Draws what card.py says. Text is set as text: what a site says must not become markup.

function element(tag, className, text) {
  const made = document.createElement(tag);
  made.className = `jp-ContinuumCard-${className}`;
  if (text !== undefined) {
    made.textContent = text;
  }
  return made;
}

function bytes(count) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let at = 0;
  while (count >= 1000 && at < units.length - 1) {
    count /= 1000;
    at += 1;
  }
  return `${count >= 100 || at === 0 ? Math.round(count) : count.toPrecision(2)} ${units[at]}`;
}

function number(name, value, told) {
  const made = element('div', 'number');
  made.title = told ?? '';
  made.append(element('dt', 'what', name), element('dd', 'value', value));
  return made;
}

function bar(group) {
  const made = element('span', 'bar');
  const part = group.wanted ? Math.min(1, group.ready / group.wanted) : 0;
  const filled = element('span', 'filled');
  filled.style.inlineSize = `${100 * part}%`;
  made.setAttribute('aria-hidden', 'true'); // the words beside it say the same
  made.append(filled);
  return made;
}

function row(group) {
  const made = element('tr', 'group');
  made.dataset.state = group.state;
  const name = element('th', 'name', group.name);
  name.scope = 'row';
  const workers = element('td', 'workers');
  workers.append(bar(group), element('span', 'count', `${group.ready} of ${group.wanted}`));
  const state = element('td', 'state');
  state.append(element('span', 'dot'), group.state);
  made.append(
    name,
    element('td', 'offer', group.offer),
    state,
    workers,
    element('td', 'reason', group.reason)
  );
  return made;
}

function table(groups) {
  const made = element('table', 'groups');
  const head = element('tr', 'head');
  for (const word of ['Group', 'Offer', 'State', 'Workers', 'Why']) {
    const cell = element('th', 'column', word);
    cell.scope = 'col';
    head.append(cell);
  }
  const top = document.createElement('thead');
  top.append(head);
  const body = document.createElement('tbody');
  body.append(...groups.map(row));
  made.append(top, body);
  return made;
}

function draw(card, shown) {
  const header = element('header', 'header');
  const state = element('span', 'clusterState');
  state.dataset.state = shown.state;
  state.setAttribute('role', 'status');
  state.append(element('span', 'dot'), shown.state);
  header.append(element('strong', 'title', shown.name), state);
  const numbers = element('dl', 'numbers');
  numbers.append(
    number('Tasks running', String(shown.tasks.running)),
    number('waiting', String(shown.tasks.waiting)),
    number('done', String(shown.tasks.done)),
    number('Crossed between sites', bytes(shown.crossed)),
    ...shown.spent.map(each => number(each.name, each.value, each.told))
  );
  card.replaceChildren(header);
  if (shown.reason) {
    card.append(element('p', 'why', shown.reason));
  }
  card.append(...shown.residency.map(said => element('p', 'why', said)));
  card.append(numbers);
  if (shown.groups.length) {
    card.append(table(shown.groups));
  }
}

export default {
  render({ model, el }) {
    const card = element('section', 'card');
    const show = () => {
      const shown = model.get('shown');
      card.setAttribute('aria-label', `Cluster ${shown.name}`);
      draw(card, shown);
    };
    model.on('change:shown', show);
    show();
    el.append(card);
    return () => model.off('change:shown', show);
  }
};
