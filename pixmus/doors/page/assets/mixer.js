// What is heard: the scored clip as it is, or, by Web Audio, its music, the clip's own sound and the
// parts at levels of the visitor's, all started on one sample and held to the picture.
const mixer = { context: null, nodes: null, buffers: new Map(), mode: null, levels: { music: 1, own: 1 }, muted: new Set(), solo: new Set(), asking: null };
const DRIFT = 0.03; // seconds off the picture after which the sound is started anew

const isHeard = (part) => (mixer.solo.size ? mixer.solo.has(part) : !mixer.muted.has(part));
const partsChanged = () => mixer.muted.size > 0 || mixer.solo.size > 0;
// Until the visitor chooses, what the film itself holds: the music alone where it was made so.
const filmMode = (card) => (card?.musicAlone ? 'music' : 'both');
const modeOf = (card) => mixer.mode || filmMode(card);
const isMixing = (card = cardOf(chosen)) => modeOf(card) !== filmMode(card) || mixer.levels.music !== 1 || mixer.levels.own !== 1 || partsChanged();

function gains(card) {
  const music = modeOf(card) === 'own' ? 0 : mixer.levels.music;
  const found = { music: partsChanged() ? 0 : music };
  if (card.sounds.own) found.own = modeOf(card) === 'music' ? 0 : mixer.levels.own;
  for (const part of Object.keys(card.sounds.parts)) found[part] = partsChanged() && isHeard(part) ? music * card.sounds.gain : 0;
  return found;
}

async function remix() {
  const card = cardOf(chosen);
  const video = shown();
  drawParts();
  paint();
  if (!card || !video) return;
  if (!isMixing() || !card.number) { stopMix(); return; }
  mixer.context ||= new AudioContext();
  mixer.context.resume();
  if (!card.sounds) {
    if (mixer.asking !== card.id) { mixer.asking = card.id; say('Fetching the parts…'); trigger('select', { act: 'parts', number: card.number }); }
    return; // `refresh` comes back here when they are there
  }
  mixer.asking = null;
  if (mixer.buffers.card !== card.id) {
    say('Fetching the parts…');
    const files = { music: card.sounds.music, ...(card.sounds.own ? { own: card.sounds.own } : {}), ...card.sounds.parts };
    const decoded = new Map();
    try {
      await Promise.all(Object.entries(files).map(async ([name, url]) => {
        const bytes = await (await fetch(url)).arrayBuffer();
        decoded.set(name, await mixer.context.decodeAudioData(bytes));
      }));
    } catch { say('The parts could not be fetched; the scored clip plays as it is.'); return; }
    if (chosen !== card.id) return;
    decoded.card = card.id;
    mixer.buffers = decoded;
  }
  say('');
  if (!isMixing()) { stopMix(); return; }
  if (!mixer.nodes) { startMix(); return; }
  for (const [name, gain] of Object.entries(gains(card))) {
    mixer.nodes.gains.get(name)?.gain.setTargetAtTime(gain, mixer.context.currentTime, 0.01);
  }
}

function startMix() {
  const card = cardOf(chosen);
  const video = shown();
  if (!card || !card.sounds || mixer.buffers.card !== card.id || !isMixing()) return;
  haltNodes();
  if (!video.muted) { silence(video); }
  const { context } = mixer;
  const master = context.createGain();
  master.gain.value = video.volume;
  master.connect(context.destination);
  const nodes = { master, sources: [], gains: new Map(), begun: 0, offset: 0, card: card.id };
  const wanted = gains(card);
  const delay = context.outputLatency || context.baseLatency || 0;
  nodes.begun = context.currentTime + 0.01;
  nodes.offset = video.currentTime + (video.paused ? 0 : 0.01) + delay;
  for (const [name, buffer] of mixer.buffers) {
    const gain = context.createGain();
    gain.gain.value = wanted[name] ?? 0;
    gain.connect(master);
    nodes.gains.set(name, gain);
    if (video.paused) continue;
    const source = context.createBufferSource();
    source.buffer = buffer;
    source.playbackRate.value = video.playbackRate;
    source.connect(gain);
    if (nodes.offset < buffer.duration) source.start(nodes.begun, Math.max(0, nodes.offset)); // all on one sample
    nodes.sources.push(source);
  }
  nodes.isRunning = !video.paused;
  mixer.nodes = nodes;
}

function haltNodes() {
  if (!mixer.nodes) return;
  for (const source of mixer.nodes.sources) { try { source.stop(); } catch { /* not begun */ } source.disconnect(); }
  mixer.nodes.master.disconnect();
  mixer.nodes = null;
}

function stopMix() {
  haltNodes();
  const video = shown();
  if (video && video.dataset.heard === 'no') { delete video.dataset.heard; video.muted = false; }
  say('');
}

// The instant of the film that is heard now, seconds.
function heardNow() {
  const { nodes, context } = mixer;
  if (!nodes || !nodes.isRunning) return null;
  const delay = context.outputLatency || context.baseLatency || 0;
  return nodes.offset + (context.currentTime - nodes.begun) * (shown()?.playbackRate || 1) - delay;
}
element.pmHeard = heardNow; // tests listen
element.pmGains = () => (mixer.nodes ? Object.fromEntries([...mixer.nodes.gains].map(([name, node]) => [name, node.gain.value])) : null);

for (const event of ['play', 'playing', 'seeked', 'ratechange', 'pause', 'ended']) {
  element.addEventListener(event, (happened) => {
    if (happened.target === shown() && mixer.nodes) startMix();
  }, true);
}
element.addEventListener('volumechange', (event) => {
  if (event.target !== shown() || !mixer.nodes) return;
  mixer.nodes.master.gain.value = event.target.volume;
  if (!event.target.muted) silence(event.target);
}, true);
setInterval(() => {
  const video = shown();
  if (!mixer.nodes || !mixer.nodes.isRunning || !video || video.paused || video.seeking) return;
  if (Math.abs(heardNow() - video.currentTime) > DRIFT) startMix();
}, 250);

function say(text) {
  const place = element.querySelector('.pm-mix-said');
  if (place) place.textContent = text;
}

// The switch, the levels and a chip for each part, with mute and solo.
function drawParts() {
  const place = element.querySelector('.pm-mix');
  const card = cardOf(chosen);
  if (!place || !scene || !card) return;
  const canMix = Boolean(card.number);
  const press = (set, part) => { if (set.has(part)) set.delete(part); else set.add(part); remix(); };
  const keep = place.contains(document.activeElement) ? document.activeElement.getAttribute('aria-label') : null;
  const chips = scene.parts.map((part) => tag('span', { class: `pm-chip${isHeard(part.name) ? '' : ' pm-off'}` },
    tag('i', { style: `background:${part.colour}` }), part.name,
    ...(canMix ? [
      tag('button', { type: 'button', 'aria-pressed': String(mixer.muted.has(part.name)), 'aria-label': `Mute ${part.name}`, title: `Mute ${part.name}`, onclick: () => press(mixer.muted, part.name) }, 'M'),
      tag('button', { type: 'button', 'aria-pressed': String(mixer.solo.has(part.name)), 'aria-label': `Solo ${part.name}`, title: `${part.name} alone`, onclick: () => press(mixer.solo, part.name) }, 'S'),
    ] : [])));
  const modes = canMix && scene.own ? tag('span', { class: 'pm-modes', role: 'group', 'aria-label': 'What is heard' },
    ...[['own', 'Original'], ['music', 'Music'], ['both', 'Both']].map(([mode, label]) => tag('button', { type: 'button', 'aria-pressed': String(modeOf(card) === mode), onclick: () => { mixer.mode = mode; remix(); } }, label))) : null;
  const slider = (name, label) => tag('label', { class: 'pm-level' }, label,
    tag('input', { type: 'range', min: 0, max: 1.5, step: 0.05, value: mixer.levels[name], 'aria-label': `Level of ${label.toLowerCase()}`, oninput: (event) => { mixer.levels[name] = Number(event.target.value); remixSoon(); } }));
  const levels = canMix && scene.own ? [slider('music', 'Music'), slider('own', 'Clip’s sound')] : [];
  if (place.querySelector('input:active')) return; // it is being moved
  place.replaceChildren(...[modes, ...levels, ...chips, tag('span', { class: 'pm-mix-said', role: 'status' })].filter(Boolean));
  if (keep) place.querySelector(`[aria-label="${CSS.escape(keep)}"]`)?.focus();
}

let soon = 0;
function remixSoon() { clearTimeout(soon); soon = setTimeout(remix, 60); }

// Another card or new files: what was chosen to be heard holds for it too.
function followCard() {
  if (mixer.nodes && mixer.nodes.card !== chosen) haltNodes();
  if (isMixing()) remix();
}
