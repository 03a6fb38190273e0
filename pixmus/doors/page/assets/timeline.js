// The cue sheet along time: frames, cues, hit points that can be moved, curves and tempo.
// `props.value` is JSON [[time, strength], ...]; `props.scene` is JSON of what stands behind.
const SVG = 'http://www.w3.org/2000/svg';
const ROWS = { frames: 54, cues: 20, hits: 54, curve: 34, tempo: 34, axis: 22 };
const SNAP = 7; // pixels within which a hit point jumps onto a cut

let scene = null;
let hits = [];
let chosen = -1;

function read() {
  try { scene = JSON.parse(props.scene || 'null'); } catch { scene = null; }
  try { hits = JSON.parse(props.value || '[]'); } catch { hits = []; }
  if (chosen >= hits.length) chosen = -1;
}

function commit() {
  const kept = chosen >= 0 ? hits[chosen] : null;
  hits.sort((a, b) => a[0] - b[0]);
  chosen = kept ? hits.indexOf(kept) : -1;
  props.value = JSON.stringify(hits);
  draw();
  trigger('input');
}

function make(name, attributes, parent, text) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  parent.appendChild(node);
  return node;
}

const round = (value, digits) => Number(value.toFixed(digits));
const onFrame = (time) => round(Math.round(time / scene.frame) * scene.frame, 3);

function draw() {
  const place = element.querySelector('.pm-timeline');
  if (!place) return;
  place.replaceChildren();
  if (!scene) {
    place.textContent = 'Spot a clip, or make a soundtrack, and its cue sheet appears here.';
    return;
  }
  const width = Math.max(260, place.clientWidth || 800);
  const gutter = width > 560 ? 68 : 0;
  const inner = width - gutter - 10;
  const x = (time) => gutter + (time / scene.duration) * inner;
  const timeAt = (px) => Math.min(Math.max(((px - gutter) / inner) * scene.duration, 0), scene.duration);
  const svg = make('svg', { width, role: 'group', 'aria-label': 'Cue sheet along time' }, place);
  let y = 0;
  const label = (text, middle, colour) => {
    const at = gutter ? { x: gutter - 8, 'text-anchor': 'end' } : { x: 2, 'text-anchor': 'start' };
    make('text', { ...at, y: middle, class: 'pm-label', style: colour ? `fill:${colour}` : '' }, labels, text);
  };
  const behind = make('g', {}, svg);
  const labels = make('g', {}, svg);
  const clip = make('clipPath', { id: 'pm-clip' }, make('defs', {}, svg));
  const clipRect = make('rect', { x: gutter, y: 0, width: inner, height: 1000 }, clip);

  if (scene.frames.length) {
    const slot = ROWS.frames * 1.6;
    const count = Math.max(1, Math.min(scene.frames.length, Math.round(inner / slot)));
    for (let i = 0; i < count; i++) {
      const from = (scene.duration * i) / count;
      const middle = (scene.duration * (i + 0.5)) / count;
      const frame = scene.frames.reduce((a, b) =>
        Math.abs(b.time - middle) < Math.abs(a.time - middle) ? b : a);
      make('image', { href: frame.src, x: x(from), y, width: inner / count - 1, height: ROWS.frames,
        preserveAspectRatio: 'xMidYMid slice' }, behind);
    }
    y += ROWS.frames + 4;
  }
  for (const [start, end, name] of scene.cues) {
    make('rect', { x: x(start), y, width: Math.max(1, x(end) - x(start) - 1), height: ROWS.cues - 4, rx: 3, class: 'pm-cue' }, behind);
    if (x(end) - x(start) > 7 * name.length) {
      make('text', { x: (x(start) + x(end)) / 2, y: y + 12, 'text-anchor': 'middle', class: 'pm-cue-name' }, labels, name);
    }
  }
  if (gutter) label('cues', y + 12);
  y += ROWS.cues;
  const hitTop = y;
  make('rect', { x: gutter, y, width: inner, height: ROWS.hits - 6, rx: 4, class: 'pm-lane' }, behind);
  if (gutter) label('hit points', y + ROWS.hits / 2);
  y += ROWS.hits;
  for (const [name, values] of Object.entries(scene.curves)) {
    const colour = scene.colours[name];
    const height = ROWS.curve - 6;
    make('rect', { x: gutter, y, width: inner, height, rx: 3, class: 'pm-lane' }, behind);
    const points = values.map((value, i) => `${x(Math.min((i + 0.5) / 4, scene.duration)).toFixed(1)},${(y + height - value * height).toFixed(1)}`);
    make('polygon', { points: `${x(0)},${y + height} ${points.join(' ')} ${x(scene.duration)},${y + height}`, style: `fill:${colour};opacity:.22` }, behind);
    make('polyline', { points: points.join(' '), style: `fill:none;stroke:${colour};stroke-width:1.6` }, behind);
    label(name, y + height / 2 + (gutter ? 4 : -4), gutter ? colour : '');
    y += ROWS.curve;
  }
  if (scene.tempo) {
    const bpm = scene.tempo.bpm;
    const middle = [...bpm].sort((a, b) => a - b)[bpm.length >> 1];
    const reach = Math.max(0.06 * middle, 1.25 * Math.max(...bpm.map((b) => Math.abs(b - middle))));
    const height = ROWS.tempo - 6;
    make('rect', { x: gutter, y, width: inner, height, rx: 3, class: 'pm-lane' }, behind);
    const points = bpm.map((b, i) => `${x(Math.min(scene.tempo.times[i], scene.duration)).toFixed(1)},${(y + height / 2 - ((b - middle) / reach) * (height / 2)).toFixed(1)}`);
    make('polyline', { points: points.join(' '), class: 'pm-tempo', 'clip-path': 'url(#pm-clip)' }, behind);
    label(`${Math.round(middle)} bpm`, y + height / 2 + 4);
    y += ROWS.tempo;
  }
  for (const cut of scene.cuts) {
    make('line', { x1: x(cut), x2: x(cut), y1: ROWS.frames + 2, y2: y - 4, class: 'pm-cut' }, behind);
  }
  const step = [0.5, 1, 2, 5, 10, 15, 30, 60].find((s) => inner / (scene.duration / s) > 46) || 120;
  for (let t = 0; t <= scene.duration + 1e-6; t += step) {
    make('text', { x: x(t), y: y + 12, 'text-anchor': 'middle', class: 'pm-axis' }, labels, step < 1 ? t.toFixed(1) : `${t}`);
  }
  make('text', { x: width - 2, y: y + 12, 'text-anchor': 'end', class: 'pm-axis' }, labels, 's');
  y += ROWS.axis;
  svg.setAttribute('height', y);
  clipRect.setAttribute('height', y);

  const lane = make('rect', { x: gutter, y: hitTop, width: inner, height: ROWS.hits - 6, class: 'pm-catch' }, svg);
  lane.addEventListener('dblclick', (event) => {
    const box = svg.getBoundingClientRect();
    const point = [onFrame(timeAt(event.clientX - box.left)), 0.7];
    hits.push(point);
    hits.sort((a, b) => a[0] - b[0]);
    chosen = hits.indexOf(point);
    commit();
  });

  hits.forEach((hit, index) => {
    const [time, strength] = hit;
    const size = 6 + 6 * strength;
    const group = make('g', { class: `pm-hit${index === chosen ? ' pm-chosen' : ''}`, tabindex: 0, role: 'slider',
      'aria-label': `Hit point ${index + 1}, strength ${round(strength, 2)}`, 'aria-valuemin': 0,
      'aria-valuemax': round(scene.duration, 2), 'aria-valuenow': time, 'aria-valuetext': `${round(time, 2)} seconds` }, svg);
    const draws = () => {
      group.replaceChildren();
      const px = x(hit[0]);
      make('line', { x1: px, x2: px, y1: hitTop, y2: hitTop + ROWS.hits - 6 }, group);
      make('path', { d: `M ${px - size} ${hitTop} h ${2 * size} l ${-size} ${1.5 * size} z` }, group);
      make('rect', { x: px - 12, y: hitTop, width: 24, height: ROWS.hits - 6, class: 'pm-grip' }, group);
      make('title', {}, group, `${round(hit[0], 3)} s, strength ${round(hit[1], 2)}`);
    };
    draws();
    let from = null;
    group.addEventListener('pointerdown', (event) => {
      chosen = index;
      from = { x: event.clientX, y: event.clientY, time: hit[0], strength: hit[1] };
      group.setPointerCapture(event.pointerId);
      element.querySelectorAll('.pm-hit').forEach((g) => g.classList.toggle('pm-chosen', g === group));
      tell();
    });
    group.addEventListener('pointermove', (event) => {
      if (!from) return;
      let time = timeAt(x(from.time) + event.clientX - from.x);
      const cut = scene.cuts.find((c) => Math.abs(x(c) - x(time)) < SNAP);
      hit[0] = cut !== undefined ? round(cut, 3) : onFrame(time);
      const lift = Math.abs(event.clientY - from.y) > 12 ? (from.y - event.clientY) / 90 : 0;
      hit[1] = round(Math.min(1, Math.max(0.05, from.strength + lift)), 2);
      draws();
      tell();
    });
    const drop = () => {
      if (!from) return;
      const moved = hit[0] !== from.time || hit[1] !== from.strength;
      from = null;
      if (moved) commit();
    };
    group.addEventListener('pointerup', drop);
    group.addEventListener('pointercancel', drop);
    group.addEventListener('focus', () => { chosen = index; tell(); });
    group.addEventListener('keydown', (event) => {
      const far = event.shiftKey ? 10 : 1;
      const moves = { ArrowLeft: -far, ArrowRight: far };
      if (event.key in moves) {
        hit[0] = onFrame(Math.min(scene.duration, Math.max(0, hit[0] + moves[event.key] * scene.frame)));
      } else if (event.key === 'ArrowUp') hit[1] = round(Math.min(1, hit[1] + 0.1), 2);
      else if (event.key === 'ArrowDown') hit[1] = round(Math.max(0.05, hit[1] - 0.1), 2);
      else if (event.key === 'Delete' || event.key === 'Backspace') { hits.splice(index, 1); chosen = -1; }
      else return;
      event.preventDefault();
      commit();
      const again = element.querySelectorAll('.pm-hit')[chosen];
      if (again) again.focus();
    });
  });
  tell();
}

function tell() {
  const line = element.querySelector('.pm-chosen-line');
  if (!line) return;
  const remove = element.querySelector('.pm-remove');
  if (remove) remove.disabled = chosen < 0;
  line.textContent = chosen >= 0 && hits[chosen]
    ? `Hit point at ${hits[chosen][0].toFixed(2)} s, strength ${hits[chosen][1].toFixed(2)}`
    : `${hits.length} hit points`;
}

element.addEventListener('click', (event) => {
  if (event.target.closest('.pm-add') && scene) {
    const free = scene.cuts.find((cut) => !hits.some((hit) => Math.abs(hit[0] - cut) < 0.05));
    const point = [round(free ?? scene.duration / 2, 3), 0.7];
    hits.push(point);
    hits.sort((a, b) => a[0] - b[0]);
    chosen = hits.indexOf(point);
    commit();
  } else if (event.target.closest('.pm-remove') && chosen >= 0) {
    hits.splice(chosen, 1);
    chosen = -1;
    commit();
  }
});

function refresh() { read(); draw(); }
watch(['value', 'scene'], refresh);
new ResizeObserver(() => draw()).observe(element);
refresh();
