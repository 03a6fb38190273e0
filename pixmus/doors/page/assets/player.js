// The takes of a clip lie above each other; one is shown. Switching goes on at the same instant.
let last = { src: '', time: 0, playing: false };

const videos = () => [...element.querySelectorAll('video')];
const shown = () => videos().find((video) => !video.hidden);

function remember() {
  const video = shown();
  if (video) last = { src: video.getAttribute('src'), time: video.currentTime, playing: !video.paused };
}
for (const event of ['timeupdate', 'play', 'pause', 'seeked']) {
  element.addEventListener(event, remember, true);
}

window.pixmusShowTake = (number) => {
  const next = videos()[number - 1];
  const before = shown();
  if (!next || next === before) return;
  const time = before ? before.currentTime : 0;
  const playing = before ? !before.paused : false;
  if (before) {
    before.pause();
    before.hidden = true;
    next.volume = before.volume;
    next.muted = before.muted;
  }
  next.hidden = false;
  next.preload = 'auto';
  next.currentTime = time;
  if (playing) next.play();
};

// When more takes arrive, the one that was being heard plays on.
watch('value', () => {
  const before = { ...last };
  const same = videos().find((video) => video.getAttribute('src') === before.src);
  if (!same) return;
  for (const video of videos()) video.hidden = video !== same;
  same.preload = 'auto';
  same.currentTime = before.time;
  if (before.playing) same.play().catch(() => {});
  if (!before.playing && !before.time) return;
  // What is said below the player shall be of the take that is heard.
  setTimeout(() => {
    const choice = document.querySelectorAll('#takes input')[videos().indexOf(same)];
    if (choice && !choice.checked) choice.click();
  }, 400);
});
