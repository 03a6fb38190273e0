"""Still images, as a clip shows them: upright, in RGB, opaque."""

from __future__ import annotations

import warnings
from pathlib import Path

from PIL import Image, ImageOps

from pixmus.errors import PixMusError


def is_image(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(12)
    return head.startswith((b"\xff\xd8\xff", b"\x89PNG")) or (head[:4], head[8:]) == (
        b"RIFF",
        b"WEBP",
    )


def still_image(path: Path) -> Image.Image:
    """The image upright and in RGB, transparent parts black."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as file:
                image = ImageOps.exif_transpose(file)
                if image.has_transparency_data:
                    image = image.convert("RGBA")
                    black = Image.new("RGBA", image.size, "black")
                    return Image.alpha_composite(black, image).convert("RGB")
                return image.convert("RGB")
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise PixMusError(f"{path} has too many pixels; give a smaller image.") from error
    except (OSError, ValueError, SyntaxError) as error:
        raise PixMusError(
            f"{path} is cut off or damaged and cannot be read as an image; copy or export it again."
        ) from error
