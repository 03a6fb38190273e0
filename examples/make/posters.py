"""A frame of each example for the README: `python examples/make/posters.py`."""

from pathlib import Path

import av

EXAMPLES = Path(__file__).parents[1]
PICTURES = EXAMPLES.parent / "docs" / "pictures"
WIDTH, HEIGHT = 400, 225
MOMENTS = {"dawn": 5.6, "city": 9.0, "storm": 6.0, "toy": 13.6}  # seconds that tell the story


def main() -> None:
    """Write `docs/pictures/example-NAME.jpg`."""
    for name, moment in MOMENTS.items():
        with av.open(str(EXAMPLES / f"{name}.mp4")) as clip:
            frame = next(f for f in clip.decode(video=0) if f.time is not None and f.time >= moment)
        image = frame.reformat(WIDTH, HEIGHT).to_image()
        image.save(PICTURES / f"example-{name}.jpg", quality=82)


if __name__ == "__main__":
    main()
