// A click plays a film, with sound; one is heard at a time.
element.addEventListener('click', (event) => {
  const button = event.target.closest('.pm-film button');
  if (!button) return;
  const video = button.parentElement.querySelector('video');
  video.controls = true;
  button.hidden = true;
  video.focus();
  video.play().catch(() => {});
});
element.addEventListener('play', (event) => {
  for (const video of element.querySelectorAll('video')) if (video !== event.target) video.pause();
}, true);
