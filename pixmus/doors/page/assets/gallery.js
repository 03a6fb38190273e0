// A card is a button; its clip moves while it is looked at.
element.addEventListener('click', (event) => {
  const card = event.target.closest('.pm-card');
  if (card) trigger('select', { index: Number(card.dataset.index) });
});
for (const [event, play] of [['pointerenter', true], ['focusin', true], ['pointerleave', false], ['focusout', false]]) {
  element.addEventListener(event, (happened) => {
    const card = happened.target.closest && happened.target.closest('.pm-card');
    const video = card && card.querySelector('video');
    if (!video) return;
    if (play) video.play().catch(() => {});
    else video.pause();
  }, true);
}
