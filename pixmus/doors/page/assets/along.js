// One axis of time below the player: frames, cuts and hit points, curves, chords, notes, sound.
// Drawn on a canvas from JSON (see along.py); one playhead goes through all of it.
const ROWS = [ // name, what it is called, height in pixels
  ['frames', 'Picture', 44], ['marks', 'Cuts, hit points', 24], ['curves', 'Curves', 40], ['chords', 'Chords', 18],
  ['notes', 'Notes', 112], ['music', 'Music', 36], ['own', 'Clip’s sound', 26], ['spectrogram', 'Spectrum', 48],
];
const AXIS = 20;
const NARROW = 480; // pixels: below it one row is shown at a time
const scenes = new Map(); // address -> what is drawn
const pictures = new Map(); // address -> Image
let scene = null;
let range = [0, 1]; // seconds in sight
let rowShown = 'notes';
let hovered = null; // seconds

const view = () => element.querySelector('.pm-along-view');

async function load() {
  const card = cardOf(chosen);
  const box = element.querySelector('.pm-along');
  if (!box) return;
  box.hidden = !(card && card.along);
  if (!card || !card.along) { scene = null; return; }
  if (!scenes.has(card.along)) {
    scenes.set(card.along, null);
    try { scenes.set(card.along, await (await fetch(card.along)).json()); } catch { scenes.delete(card.along); }
  }
  const found = scenes.get(cardOf(chosen)?.along);
  if (!found || found === scene) { if (found) drawParts(); return; }
  const isSame = scene && Math.abs(scene.duration - found.duration) < 0.01;
  scene = found;
  if (!isSame) range = [0, scene.duration];
  for (const src of [scene.spectrogram, ...scene.frames.map((frame) => frame[1])]) picture(src);
  drawParts();
  paint();
}

function picture(src) {
  if (!src) return null;
  let image = pictures.get(src);
  if (!image) {
    image = new Image();
    image.onload = paint;
    image.src = src;
    pictures.set(src, image);
  }
  return image.complete && image.naturalWidth ? image : null;
}

const style = (name) => getComputedStyle(element).getPropertyValue(name).trim();
const isNarrow = () => view().clientWidth < NARROW;
const gutter = () => (isNarrow() ? 0 : 76);
const span = () => range[1] - range[0];
const width = () => Math.max(60, view().clientWidth - gutter());
const toX = (time) => gutter() + ((time - range[0]) / span()) * width();
const toTime = (x) => Math.min(Math.max(range[0] + ((x - gutter()) / width()) * span(), 0), scene.duration);

function rows() {
  const there = ROWS.filter(([name]) => !(name === 'own' && !scene.own) && !(name === 'chords' && !scene.chords.length)
    && !(name === 'music' && !scene.music) && !(name === 'spectrogram' && !scene.spectrogram) && !(name === 'frames' && !scene.frames.length));
  if (!isNarrow()) return there;
  const names = there.map(([name]) => name);
  return there.filter(([name]) => name === (names.includes(rowShown) ? rowShown : names[0]))
    .map(([name, told]) => [name, told, name === 'frames' ? 60 : 130]);
}

function paint() {
  const canvas = element.querySelector('.pm-along canvas');
  if (!scene || !canvas || !view().clientWidth) return;
  const shownRows = rows();
  const w = view().clientWidth;
  const h = shownRows.reduce((sum, row) => sum + row[2] + 4, AXIS);
  const dense = window.devicePixelRatio || 1;
  canvas.width = w * dense;
  canvas.height = h * dense;
  canvas.style.height = `${h}px`;
  const pen = canvas.getContext('2d');
  pen.scale(dense, dense);
  const ink = { text: style('--body-text-color') || '#222', quiet: style('--body-text-color-subdued') || '#777',
    lane: style('--background-fill-secondary') || '#eee', line: style('--border-color-primary') || '#ccc' };
  pen.font = '11px ui-sans-serif, system-ui, sans-serif';
  pen.textBaseline = 'middle';
  let y = 0;
  for (const [name, told, height] of shownRows) {
    if (gutter()) {
      pen.textAlign = 'right';
      const lines = name === 'curves' ? scene.curves.map((curve) => [curve.name, curve.colour]) : told.split(', ').map((text) => [text, ink.quiet]);
      lines.forEach(([text, colour], i) => {
        pen.fillStyle = colour;
        pen.fillText(text, gutter() - 8, y + height / 2 + (i - (lines.length - 1) / 2) * 12);
      });
    }
    pen.save();
    pen.beginPath();
    pen.rect(gutter(), y, width(), height);
    pen.clip();
    if (name !== 'frames') { pen.fillStyle = ink.lane; pen.fillRect(gutter(), y, width(), height); }
    PAINTERS[name](pen, y, height, ink);
    pen.restore();
    y += height + 4;
  }
  paintAxis(pen, y, ink);
  movePlayhead();
}

function label(pen, name, from, to, y, ink) { // readable over the lines of cuts, and inside its span
  pen.save();
  pen.beginPath();
  pen.rect(from, y - 9, to - from - 4, 18);
  pen.clip();
  pen.strokeStyle = ink.lane;
  pen.lineWidth = 4;
  pen.lineJoin = 'round';
  pen.strokeText(name, Math.max(from, gutter()) + 4, y);
  pen.fillStyle = ink.quiet;
  pen.fillText(name, Math.max(from, gutter()) + 4, y);
  pen.restore();
}

const PAINTERS = {
  frames(pen, y, height) {
    const first = picture(scene.frames[0][1]);
    const slot = first ? (height * first.naturalWidth) / first.naturalHeight : height * 1.7;
    const count = Math.max(1, Math.ceil(width() / slot));
    for (let i = 0; i < count; i++) {
      const middle = range[0] + ((i + 0.5) / count) * span();
      const frame = scene.frames.reduce((a, b) => (Math.abs(b[0] - middle) < Math.abs(a[0] - middle) ? b : a));
      const image = picture(frame[1]);
      if (!image) continue;
      const part = width() / count;
      const crop = Math.min(image.naturalWidth, (part / height) * image.naturalHeight);
      pen.drawImage(image, (image.naturalWidth - crop) / 2, 0, crop, image.naturalHeight, gutter() + i * part, y, part - 1, height);
    }
  },
  marks(pen, y, height, ink) {
    pen.strokeStyle = ink.text;
    pen.lineWidth = 1;
    for (const cut of scene.cuts) line(pen, toX(cut), y, y + height);
    pen.textAlign = 'left';
    for (const [start, end, name] of scene.cues) {
      pen.fillStyle = ink.line;
      pen.fillRect(toX(start), y + height - 4, Math.max(1, toX(end) - toX(start) - 1), 4);
      if (toX(end) - toX(start) > 60) label(pen, name, toX(start), toX(end), y + height - 11, ink);
    }
    pen.fillStyle = '#c2185b';
    for (const [time, strength] of scene.hits) {
      const size = 3 + 4 * strength;
      pen.beginPath();
      pen.moveTo(toX(time) - size, y);
      pen.lineTo(toX(time) + size, y);
      pen.lineTo(toX(time), y + 1.6 * size);
      pen.fill();
    }
  },
  curves(pen, y, height) {
    for (const { values, colour } of scene.curves) {
      pen.strokeStyle = colour;
      pen.lineWidth = 1.7;
      pen.beginPath();
      values.forEach((value, i) => pen.lineTo(toX((i + 0.5) / 4), y + height - 3 - (value / 100) * (height - 6)));
      pen.stroke();
    }
  },
  chords(pen, y, height, ink) {
    for (const [start, end, name] of scene.chords) {
      pen.fillStyle = ink.line;
      pen.fillRect(toX(start), y, 1, height);
      const from = Math.max(toX(start), gutter()) + 4;
      if (toX(end) - from > pen.measureText(name).width) {
        pen.fillStyle = ink.text;
        pen.textAlign = 'left';
        pen.fillText(name, from, y + height / 2);
      }
    }
  },
  notes(pen, y, height, ink) {
    pen.strokeStyle = ink.line;
    for (const bar of scene.bars) line(pen, toX(bar), y, y + height);
    const pitched = scene.parts.filter((part) => part.name !== 'drums');
    const drums = scene.parts.find((part) => part.name === 'drums');
    const floor = drums ? height * 0.78 : height;
    const pitches = pitched.flatMap((part) => part.notes.map((note) => note[2]));
    const [low, high] = [Math.min(...pitches) - 1, Math.max(...pitches) + 1];
    const place = (part, list, at) => {
      for (const [start, end, pitch, velocity] of part.notes) {
        if (end < range[0] || start > range[1]) continue;
        const [top, tall] = at(pitch, list);
        pen.globalAlpha = isHeard(part.name) ? 0.45 + 0.55 * (velocity / 127) : 0.12;
        pen.fillStyle = part.colour;
        pen.fillRect(toX(start), y + top, Math.max(2, toX(end) - toX(start) - 0.7), tall);
      }
    };
    const tall = Math.max(2, floor / (high - low + 1));
    for (const part of pitched) place(part, null, (pitch) => [floor - ((pitch - low) / (high - low)) * (floor - tall) - tall, tall]);
    if (drums) {
      const kinds = [...new Set(drums.notes.map((note) => note[2]))].sort((a, b) => a - b);
      const each = (height - floor) / kinds.length;
      place(drums, kinds, (pitch, list) => [height - (list.indexOf(pitch) + 1) * each, Math.max(1.5, each - 1)]);
    }
    pen.globalAlpha = 1;
  },
  music(pen, y, height) { paintPeaks(pen, y, height, scene.music, style('--color-accent') || '#e11d48'); },
  own(pen, y, height, ink) { paintPeaks(pen, y, height, scene.own, ink.quiet); },
  spectrogram(pen, y, height) {
    const image = picture(scene.spectrogram);
    if (!image) return;
    const scale = image.naturalWidth / scene.duration;
    pen.drawImage(image, range[0] * scale, 0, span() * scale, image.naturalHeight, gutter(), y, width(), height);
  },
};

function line(pen, x, from, to) {
  pen.beginPath();
  pen.moveTo(Math.round(x) + 0.5, from);
  pen.lineTo(Math.round(x) + 0.5, to);
  pen.stroke();
}

function paintPeaks(pen, y, height, peaks, colour) {
  pen.fillStyle = colour;
  const each = scene.duration / peaks.length;
  const from = Math.max(0, Math.floor(range[0] / each));
  const to = Math.min(peaks.length, Math.ceil(range[1] / each));
  for (let i = from; i < to; i++) {
    const tall = Math.max(1, (peaks[i] / 100) * height);
    pen.fillRect(toX(i * each), y + (height - tall) / 2, Math.max(1, toX((i + 1) * each) - toX(i * each) - 0.2), tall);
  }
}

function paintAxis(pen, y, ink) {
  const step = [0.1, 0.25, 0.5, 1, 2, 5, 10, 15, 30, 60].find((s) => width() / (span() / s) > 52) || 120;
  pen.fillStyle = ink.quiet;
  pen.textAlign = 'center';
  for (let t = Math.ceil(range[0] / step) * step; t <= range[1] + 1e-6; t += step) {
    const x = Math.min(toX(t), view().clientWidth - 14);
    pen.fillRect(toX(t), y, 1, 4);
    pen.fillText(clock(t, step < 1 ? 1 : 0), Math.max(x, gutter() + 10), y + 12);
  }
}

const clock = (time, digits = 2) => {
  const rounded = Number(time.toFixed(digits));
  const seconds = (rounded % 60).toFixed(digits);
  return `${Math.floor(rounded / 60)}:${seconds.padStart(digits ? 3 + digits : 2, '0')}`;
};

function timecode(time) {
  const base = Math.round(scene.rate);
  const frame = Math.floor(time * scene.rate + 1e-6);
  const two = (number) => String(number).padStart(2, '0');
  const all = Math.floor(frame / base);
  return `${two(Math.floor(all / 3600))}:${two(Math.floor(all / 60) % 60)}:${two(all % 60)}:${two(frame % base)}`;
}

// What is at an instant, in words: bar and beat, chord, time, timecode.
function wordsAt(time) {
  const bar = scene.bars.filter((start) => start <= time + 1e-3).length;
  const start = bar ? scene.bars[bar - 1] : 0;
  const beat = scene.beats.filter((b) => b >= start - 1e-3 && b <= time + 1e-3).length;
  const chord = scene.chords.find(([from, to]) => from <= time && time < to);
  return [bar ? `bar ${bar}, beat ${Math.max(beat, 1)}` : 'before the first bar', chord ? chord[2] : null, clock(time), timecode(time)]
    .filter(Boolean).join(' · ');
}

function movePlayhead() {
  const video = shown();
  const head = element.querySelector('.pm-playhead');
  if (!scene || !video || !head) return;
  const time = video.currentTime;
  const isIn = time >= range[0] - 1e-3 && time <= range[1] + 1e-3;
  if (!isIn && !video.paused) { // the window goes along
    range = [Math.min(time, scene.duration - span()), Math.min(time, scene.duration - span()) + span()];
    paint();
    return;
  }
  head.hidden = !isIn;
  head.style.transform = `translateX(${toX(time)}px)`;
  head.dataset.time = time;
  const told = element.querySelector('.pm-told');
  const words = wordsAt(hovered ?? time);
  if (told && told.textContent !== words) told.textContent = words;
  const box = view();
  box.setAttribute('aria-valuemax', scene.duration.toFixed(2));
  box.setAttribute('aria-valuenow', time.toFixed(2));
  box.setAttribute('aria-valuetext', wordsAt(time));
}

// Each frame while the film plays, and none while it rests: the screen then has nothing to draw.
let ticking = 0;
function tick() {
  const video = shown();
  ticking = element.isConnected && video && !video.paused ? requestAnimationFrame(tick) : 0;
  if (ticking) movePlayhead();
}
function beginTicking() { if (!ticking) tick(); }

function zoom(factor, around) {
  if (!scene) return;
  const middle = around ?? shown()?.currentTime ?? (range[0] + range[1]) / 2;
  const wide = Math.min(scene.duration, Math.max(0.5, span() / factor));
  const share = (middle - range[0]) / span();
  const from = Math.min(Math.max(0, middle - share * wide), scene.duration - wide);
  range = [from, from + wide];
  paint();
}

function seek(time) {
  const video = shown();
  if (!video) return;
  video.currentTime = Math.min(Math.max(time, 0), scene.duration - 0.01);
}

element.addEventListener('pointerdown', (event) => {
  if (!scene || !event.target.closest('.pm-along-view')) return;
  const box = view().getBoundingClientRect();
  const go = (happened) => seek(toTime(happened.clientX - box.left));
  go(event);
  const stop = () => { window.removeEventListener('pointermove', go); window.removeEventListener('pointerup', stop); window.removeEventListener('pointercancel', stop); };
  window.addEventListener('pointermove', go);
  window.addEventListener('pointerup', stop);
  window.addEventListener('pointercancel', stop);
});
element.addEventListener('pointermove', (event) => {
  if (!scene || !event.target.closest('.pm-along-view')) return;
  hovered = toTime(event.clientX - view().getBoundingClientRect().left);
  movePlayhead();
});
element.addEventListener('pointerout', (event) => { if (event.target.closest('.pm-along-view')) { hovered = null; movePlayhead(); } });
element.addEventListener('wheel', (event) => {
  if (!scene || !event.ctrlKey || !event.target.closest('.pm-along-view')) return;
  event.preventDefault();
  zoom(event.deltaY < 0 ? 1.25 : 0.8, toTime(event.clientX - view().getBoundingClientRect().left));
}, { passive: false });
element.addEventListener('keydown', (event) => {
  if (!scene || !event.target.closest('.pm-along-view')) return;
  const video = shown();
  const far = event.shiftKey ? 1 : 1 / scene.rate;
  if (event.key === 'ArrowRight') seek(video.currentTime + far);
  else if (event.key === 'ArrowLeft') seek(video.currentTime - far);
  else if (event.key === 'Home') seek(0);
  else if (event.key === 'End') seek(scene.duration);
  else if (event.key === '+' || event.key === '=') zoom(1.5);
  else if (event.key === '-') zoom(1 / 1.5);
  else if (event.key === ' ') { if (video.paused) video.play().catch(() => {}); else video.pause(); } else return;
  event.preventDefault();
});
element.addEventListener('click', (event) => {
  const pressed = event.target.closest('[data-zoom]');
  if (pressed) zoom(Number(pressed.dataset.zoom) || 1e-9);
});
element.addEventListener('change', (event) => {
  if (event.target.matches('.pm-row-choice')) { rowShown = event.target.value; paint(); }
});
for (const event of ['seeked', 'timeupdate', 'loadedmetadata']) element.addEventListener(event, movePlayhead, true);
for (const event of ['play', 'playing', 'timeupdate']) element.addEventListener(event, beginTicking, true);
new ResizeObserver(paint).observe(element);
new MutationObserver(paint).observe(document.body, { attributes: true, attributeFilter: ['class'] }); // dark or light
