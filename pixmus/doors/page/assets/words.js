// Words that are understood, offered while one is being typed; a click, or arrow down and Enter, takes one.
const words = JSON.parse(props.value || '[]');
const box = () => document.querySelector('#text textarea, #text input');
const place = () => element.querySelector('.pm-words');
const MOST = 7;

function typed() {
  const found = /([a-z][a-z -]*)$/i.exec(box().value.slice(0, box().selectionStart));
  const last = found ? found[1].split(/\s+/).pop().toLowerCase() : '';
  return last.length > 1 ? last : '';
}

function offer() {
  const start = typed();
  const fits = start ? words.filter((word) => word.startsWith(start) && word !== start).slice(0, MOST) : [];
  place().replaceChildren(...fits.map((word) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = word;
    button.addEventListener('click', () => take(word));
    return button;
  }));
}

function take(word) {
  const field = box();
  const at = field.selectionStart;
  const before = field.value.slice(0, at - typed().length) + word;
  const setter = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), 'value').set;
  setter.call(field, before + field.value.slice(at));
  field.dispatchEvent(new Event('input', { bubbles: true }));
  field.focus();
  field.setSelectionRange(before.length, before.length);
  place().replaceChildren();
}

document.addEventListener('input', (event) => { if (event.target === box()) offer(); });
document.addEventListener('keydown', (event) => {
  const first = place()?.querySelector('button');
  if (event.key === 'ArrowDown' && event.target === box() && first) { event.preventDefault(); first.focus(); }
});
element.addEventListener('pointerdown', (event) => event.preventDefault()); // the box keeps the focus
document.addEventListener('focusout', (event) => {
  if (event.target === box() && !element.contains(event.relatedTarget)) place().replaceChildren();
});
