// A card is a button; its clip moves while it is looked at. Cards are seen once there is a result:
// not before then they get their pictures, which are those of the films.
new IntersectionObserver(([seen], observer) => {
  if (!seen.isIntersecting) return;
  observer.disconnect();
  for (const card of element.querySelectorAll('.pm-card')) {
    const video = card.querySelector('video');
    const film = document.querySelectorAll('#films .pm-film video')[card.dataset.index];
    if (!video) continue;
    if (film?.poster) video.poster = film.poster;
    else video.preload = 'metadata';
  }
}).observe(element);
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
