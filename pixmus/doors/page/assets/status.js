// What a browser cannot show may be scored all the same, and the status says whether: Gradio's notes that a video is
// "not playable" (one for each place that it stands in) are not shown.
new MutationObserver((records) => {
  for (const { addedNodes } of records) {
    for (const node of addedNodes) {
      if (!(node instanceof Element)) continue;
      for (const toast of [node, ...node.querySelectorAll('.toast-body')]) {
        if (toast.matches('.toast-body') && toast.innerText.includes('not playable')) toast.style.display = 'none';
      }
    }
  }
}).observe(document.body, { childList: true, subtree: true });
