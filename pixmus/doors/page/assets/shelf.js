// The shelf below the player: a card for each result, and what may be done with it.
const ICONS = {
  compare: 'M8 3v18M3 8l5-5 5 5M16 21V3m5 13-5 5-5-5',
  hold: 'M9 3h6l-1 7 4 3v2H6v-2l4-3zM12 15v6',
  rename: 'M4 20h4L19 9l-4-4L4 16zM13 7l4 4',
  ask: 'M4 12a8 8 0 1 1 3 6.2M4 12l-2-3m2 3 3-2',
  link: 'M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1',
  save: 'M12 3v12m-5-5 5 5 5-5M4 20h16',
  remove: 'M5 5l14 14M19 5 5 19',
};

function tag(name, attributes = {}, ...inside) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, '');
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(key, value);
  }
  node.append(...inside.filter((child) => child !== null && child !== undefined));
  return node;
}

function icon(name) {
  const drawn = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  drawn.setAttribute('viewBox', '0 0 24 24');
  drawn.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  path.setAttribute('d', ICONS[name]);
  drawn.append(path);
  return drawn;
}

const button = (name, label, onclick, pressed) => tag('button',
  { type: 'button', class: 'pm-icon', title: label, 'aria-label': label, 'aria-pressed': pressed === undefined ? null : String(pressed), onclick },
  icon(name));

function draw() {
  drawCompare();
  const shelf = element.querySelector('.pm-shelf');
  if (!shelf) return;
  shelf.hidden = !cards.length;
  const focused = shelf.contains(document.activeElement) ? document.activeElement.getAttribute('aria-label') : null;
  if (shelf.querySelector('.pm-rename')) return; // a name is being typed
  const pinned = cards.filter((card) => card.held).length;
  const head = tag('div', { class: 'pm-shelf-head' },
    tag('h2', {}, `Your results (${cards.length})`),
    cards.length > 1 ? tag('button', { type: 'button', class: 'pm-small', 'aria-pressed': String(inTurn), onclick: startTurn },
      inTurn ? 'Stop playing in turn' : 'Play all in turn') : null);
  const rows = [...cards].reverse().map(row);
  const most = told.most || 12;
  const note = (told.cards || []).length >= most - 2
    ? tag('p', { class: 'pm-checked' }, `The shelf keeps ${most} results: the oldest that is not pinned goes first. ${pinned} pinned.`) : null;
  shelf.replaceChildren(head, tag('ul', { class: 'pm-rows' }, ...rows), ...(note ? [note] : []));
  if (focused) shelf.querySelector(`[aria-label="${CSS.escape(focused)}"]`)?.focus();
}

function row(card) {
  const isShown = card.id === chosen;
  const what = [card.change, card.asked].filter(Boolean).join(' · ');
  const details = tag('button', { type: 'button', class: 'pm-choose', 'aria-current': isShown ? 'true' : null,
    'aria-label': `Show ${card.name}`, onclick: () => choose(card.id) },
  card.poster ? tag('img', { src: card.poster, alt: '', 'aria-hidden': 'true' }) : tag('span', { class: 'pm-noframe' }),
  tag('span', { class: 'pm-said' },
    tag('strong', {}, card.name, card.best ? tag('em', {}, 'ranks best') : null),
    tag('span', {}, what), card.seed === undefined ? null : tag('small', {}, `seed ${card.seed}`)));
  const isOther = card.id === other;
  const tools = tag('span', { class: 'pm-card-tools' },
    isShown ? null : button('compare', isOther ? `Stop comparing with ${card.name}` : `Compare with ${card.name}`, () => compare(card.id), isOther),
    card.number ? button('hold', card.held ? `Unpin ${card.name}` : `Pin ${card.name}`, () => hold(card), Boolean(card.held)) : null,
    card.number ? button('rename', `Rename ${card.name}`, () => rename(card)) : null,
    card.number ? button('ask', `Ask again as for ${card.name}: fills in its clip and settings`, () => trigger('select', { act: 'ask', number: card.number })) : null,
    card.number ? button('link', `Copy a link to the settings of ${card.name}, without the clip`, (event) => copy(card, event.currentTarget)) : null,
    tag('a', { class: 'pm-icon', href: card.src, download: card.file || true, title: `Download ${card.name}`, 'aria-label': `Download ${card.name}` }, icon('save')),
    button('remove', `Remove ${card.name}`, () => remove(card)));
  return tag('li', { class: `pm-row${isShown ? ' pm-shown' : ''}`, 'data-id': card.id }, details, tools);
}

function drawCompare() {
  const bar = element.querySelector('.pm-compare');
  if (!bar) return;
  bar.hidden = !other;
  if (!other) { bar.replaceChildren(); return; }
  const pair = [chosen, other].map(cardOf).filter(Boolean).sort((a, b) => a.at - b.at);
  bar.replaceChildren(
    ...pair.map((card) => tag('button', { type: 'button', class: 'pm-ab', 'aria-pressed': String(card.id === chosen), onclick: () => { if (card.id !== chosen) flip(); } },
      card.name)),
    tag('button', { type: 'button', class: 'pm-small', onclick: () => compare(other) }, 'End comparing'));
}

function copy(card, pressed) {
  const link = `${location.origin}${location.pathname}?${card.link}`;
  const done = () => { pressed.classList.add('pm-done-once'); setTimeout(() => pressed.classList.remove('pm-done-once'), 1500); };
  if (navigator.clipboard) navigator.clipboard.writeText(link).then(done, () => window.prompt('The link', link));
  else window.prompt('The link', link);
}

function hold(card) { trigger('select', { act: 'hold', number: card.number, held: !card.held }); }

function remove(card) {
  if (card.number) { trigger('select', { act: 'remove', number: card.number }); return; }
  opened = opened.filter((one) => one.id !== card.id);
  memory.set('pixmus-examples', opened);
  cards = cards.filter((one) => one.id !== card.id);
  films.get(card.id)?.remove();
  films.delete(card.id);
  if (other === card.id) other = null;
  if (chosen === card.id) {
    chosen = null;
    if (cards.length) choose(cards[cards.length - 1].id);
  }
  draw();
}

function rename(card) {
  const place = element.querySelector(`[data-id="${card.id}"] strong`);
  const box = tag('input', { class: 'pm-rename', value: card.name, maxlength: 40, 'aria-label': `New name of ${card.name}` });
  let over = false;
  const end = (keep) => {
    if (over) return;
    over = true;
    const name = box.value.trim();
    box.remove();
    if (keep && name !== card.name) {
      card.name = name || card.name;
      trigger('select', { act: 'rename', number: card.number, name });
    }
    draw();
  };
  box.addEventListener('keydown', (event) => {
    event.stopPropagation();
    if (event.key === 'Enter') end(true);
    else if (event.key === 'Escape') end(false);
  });
  box.addEventListener('blur', () => end(true));
  place.closest('.pm-choose').before(box);
  box.focus();
  box.select();
}

function startTurn() {
  inTurn = !inTurn;
  if (inTurn) choose(cards[0].id, { play: true, from: 0 });
  else shown()?.pause();
  draw();
}
