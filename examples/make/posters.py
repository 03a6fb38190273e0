"""A frame of each example for the README: `python examples/make/posters.py`.

Which frame is told by `poster`, seconds, in its JSON.
"""

import json
from pathlib import Path

import av
from PIL import Image, ImageOps

EXAMPLES = Path(__file__).parents[1]
PICTURES = EXAMPLES.parent / "docs" / "pictures"
WIDTH, HEIGHT = 400, 225


def main() -> None:
    """Write `docs/pictures/example-NAME.jpg`."""
    for path in sorted(EXAMPLES.glob("*.json")):
        facts = json.loads(path.read_text())
        moment = facts["poster"]
        with av.open(str(EXAMPLES / facts["clip"])) as clip:
            frame = next(f for f in clip.decode(video=0) if f.time is not None and f.time >= moment)
        image = ImageOps.fit(frame.to_image(), (WIDTH, HEIGHT), Image.Resampling.LANCZOS)
        image.save(PICTURES / f"example-{path.stem}.jpg", quality=82)


if __name__ == "__main__":
    main()
