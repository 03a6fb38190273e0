// The scored clips of the shelf lie above each other; one is shown. Switching goes on at the same
// instant. `props.value` is JSON: the cards of the visit (see cards.py), or one more example.
const memory = { // of this tab: it outlasts a reload
  get(name) { try { return JSON.parse(sessionStorage.getItem(name)); } catch { return null; } },
  set(name, value) { try { sessionStorage.setItem(name, JSON.stringify(value)); } catch { /* full or forbidden */ } },
};
const films = new Map(); // id of a card -> its video
let told = {}; // what the server said of the visit
let opened = memory.get('pixmus-examples') || [];
let cards = [];
let chosen = null; // id of the card that is shown
let other = null; // id of the card that it is compared with
let inTurn = false;

const stage = () => element.querySelector('.pm-player');
const cardOf = (id) => cards.find((card) => card.id === id);
const shown = () => films.get(chosen);

function film(card) {
  let video = films.get(card.id);
  if (!video) {
    video = document.createElement('video');
    Object.assign(video, { controls: true, playsInline: true, preload: 'auto', src: card.src, hidden: true });
    video.addEventListener('ended', playNext);
    films.set(card.id, video);
  }
  video.setAttribute('aria-label', `${card.name}: the scored clip`);
  if (video.parentElement !== stage()) stage().append(video);
  return video;
}

function show(id, { play = null, from = null } = {}) {
  const card = cardOf(id);
  if (!card) return;
  const before = shown();
  const next = film(card);
  const old = cardOf(chosen);
  chosen = id;
  if (before !== next) {
    const goesOn = before && old && old.clip === card.clip;
    const playing = play ?? (before ? !before.paused : false);
    if (before) {
      next.volume = before.volume;
      next.muted = before.dataset.heard === 'no' ? false : before.muted;
      if (goesOn && Math.abs(next.currentTime - before.currentTime) > 0.05) next.currentTime = before.currentTime;
      before.hidden = true;
      if (other && (id === other || old.id === other)) silence(before);
      else before.pause();
    }
    if (!goesOn && play) next.currentTime = 0;
    if (from !== null) next.currentTime = from;
    delete next.dataset.heard;
    next.hidden = false;
    if (playing) next.play().catch(() => {});
  } else {
    next.hidden = false;
    if (play) next.play().catch(() => {});
  }
  element.querySelector('.pm-empty')?.remove();
  load();
  followCard();
}

// The other one of two that are compared runs on, unheard, so that the switch is instant.
function silence(video) { video.muted = true; video.dataset.heard = 'no'; }

function choose(id, how) {
  if (id === chosen && !how) return;
  show(id, how);
  draw();
  tellChosen();
}

function tellChosen() { // the server shows its facts, files and pictures
  const card = cardOf(chosen);
  if (card) trigger('select', card.number ? { act: 'choose', number: card.number } : { act: 'example', index: card.index });
}

function compare(id) {
  other = id === other ? null : id;
  const here = shown();
  if (other && here) {
    const video = film(cardOf(other));
    video.currentTime = here.currentTime;
    silence(video);
    if (!here.paused) video.play().catch(() => {});
  }
  draw();
}

function flip() {
  if (!other || !cardOf(other)) return;
  const was = chosen;
  const video = film(cardOf(other));
  delete video.dataset.heard;
  video.muted = shown().muted;
  choose(other);
  other = was;
  draw();
}

function playNext() {
  if (!inTurn) return;
  const at = cards.findIndex((card) => card.id === chosen);
  const next = cards[at + 1];
  if (next) choose(next.id, { play: true, from: 0 });
  else { inTurn = false; draw(); }
}

for (const event of ['play', 'pause', 'seeked']) {
  element.addEventListener(event, (happened) => {
    const here = shown();
    const there = other && films.get(other);
    if (!there || happened.target !== here) return;
    if (event === 'play') there.play().catch(() => {});
    else if (event === 'pause') there.pause();
    if (Math.abs(there.currentTime - here.currentTime) > 0.03) there.currentTime = here.currentTime;
  }, true);
}

function refresh() {
  let said = {};
  try { said = JSON.parse(props.value || '{}'); } catch { /* nothing is shown yet */ }
  if (said.example) {
    opened = [...opened.filter((card) => card.id !== said.example.id), said.example];
    memory.set('pixmus-examples', opened);
  } else if (said.cards) {
    if (!(said.at < told.at)) told = said; // what was overtaken is not told again
    if (said.key) { try { sessionStorage.setItem('pixmus-visit', said.key); } catch { /* forbidden */ } }
  }
  if (!said.example && said.cards === undefined) return;
  cards = [...(told.cards || []), ...opened].sort((a, b) => a.at - b.at);
  for (const [id, video] of films) {
    if (!cardOf(id)) { video.remove(); films.delete(id); }
  }
  if (other && !cardOf(other)) other = null;
  const here = cardOf(chosen) && shown();
  const heard = here && (!here.paused || here.currentTime > 0);
  const wanted = said.chosen;
  if (wanted && wanted !== chosen && heard && !said.example && (said.latest || []).includes(chosen)) {
    // Others of the same takes have come; the one that is heard plays on.
    setTimeout(tellChosen, 400); // or whichever is heard by then
  } else if (wanted && cardOf(wanted)) {
    show(wanted);
  } else if (!cardOf(chosen)) {
    chosen = null;
    const last = cards[cards.length - 1];
    if (last && said.cards) choose(last.id);
  } else {
    film(cardOf(chosen));
    load();
    followCard();
  }
  draw();
}
