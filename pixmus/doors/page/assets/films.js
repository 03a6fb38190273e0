// A click plays a film, with sound, one at a time and large; another opens it as its card among the
// examples does.
element.addEventListener('click', (event) => {
  const opener = event.target.closest('.pm-open');
  if (opener) document.querySelector(`#examples .pm-card[data-index="${opener.dataset.index}"]`)?.click();
  const button = event.target.closest('.pm-play');
  if (!button) return;
  const video = button.parentElement.querySelector('video');
  video.controls = true;
  button.hidden = true;
  video.focus();
  video.play().catch(() => {});
});
element.addEventListener('play', (event) => {
  for (const video of element.querySelectorAll('video')) {
    if (video !== event.target) video.pause();
    video.closest('.pm-film').classList.toggle('pm-playing', video === event.target);
  }
  event.target.closest('.pm-film').scrollIntoView({ block: 'nearest', inline: 'start' });
}, true);
