"""Still images, as a clip shows them: upright, in RGB, opaque."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from pixmus.errors import PixMusError
from pixmus.picture.animated import is_animated_webp

HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
LONGEST_SIDE = 65_500  # pixels, as JPEG has it
DRAFT = (3840, 2160)  # pixels that a JPEG is read with where it has twice as many or more


def is_image(path: Path) -> bool:
    """Whether a file is a still image, by how it begins; one sentence of images nobody reads.

    An animated PNG or WebP is none: it is read as a clip.
    """
    with path.open("rb") as file:
        head = file.read(4096)
    if head[4:8] == b"ftyp" and head[8:12] in HEIF_BRANDS:
        raise PixMusError(f"{path} is a HEIC image, which cannot be read; export it as jpg.")
    if (head[:4], head[8:12]) == (b"RIFF", b"WEBP"):
        return not is_animated_webp(path)
    if head.startswith(b"\x89PNG"):
        return b"acTL" not in head.partition(b"IDAT")[0]
    return head.startswith(b"\xff\xd8\xff") or head[4:12] == b"ftypavif"


def still_image(path: Path) -> Image.Image:
    """The image upright and in RGB, transparent parts black."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as file:
                if max(file.size) > LONGEST_SIDE:
                    raise PixMusError(
                        f"{path} is {file.width} by {file.height} pixels; give an image of at most "
                        f"{LONGEST_SIDE} on a side."
                    )
                file.draft("RGB", DRAFT)  # a JPEG of a large camera takes less memory and time
                image = ImageOps.exif_transpose(file)
                if image.mode.startswith("I"):  # 16 bits of grey, which Pillow would clip
                    levels = np.asarray(image).astype(np.float64) / 257
                    image = Image.fromarray(np.clip(np.rint(levels), 0, 255).astype(np.uint8))
                if image.has_transparency_data:
                    image = image.convert("RGBA")
                    black = Image.new("RGBA", image.size, "black")
                    return Image.alpha_composite(black, image).convert("RGB")
                return image.convert("RGB")
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise PixMusError(f"{path} has too many pixels; give a smaller image.") from error
    except MemoryError as error:
        raise PixMusError(
            f"{path} needs more memory than there is; give a smaller image."
        ) from error
    except (OSError, ValueError, SyntaxError) as error:
        raise PixMusError(
            f"{path} is cut off or damaged and cannot be read as an image; copy or export it again."
        ) from error
