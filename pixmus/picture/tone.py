"""HDR pictures as screens of BT.709 show them: the curve of Report ITU-R BT.2446-1, method A.

Conventions: signals are 0..1, last axis red, green, blue; light is linear, 1 is the peak of
1,000 cd/m2 for which the curve is made (PQ can say more, which is white then).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

PQ, HLG = 16, 18  # transfer characteristics (ITU-T H.273, table 3)
PEAK, SDR_PEAK = 1000.0, 100.0  # cd/m2
GAMMA = 2.4  # of a screen (ITU-R BT.1886)
LUMA = np.array([0.2627, 0.6780, 0.0593])  # ITU-R BT.2020
TO_709 = np.array(  # linear light, BT.2020 to BT.709 (ITU-R BT.2087-0, annex 2, inverse)
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]
)
CUBE_SIZE = 49  # entries of a table of FFmpeg's lut3d, which goes between them
COARSE_BITS = 6  # of each colour in the table for small images


def sdr(signal: np.ndarray, transfer: int) -> np.ndarray:
    """The BT.709 signal of an HDR signal in BT.2020, float (..., 3) both."""
    bright = np.clip(light(signal, transfer), 0, 1) ** (1 / GAMMA)
    luma = (bright @ LUMA)[..., None]
    mapped = _mapped(luma)
    # Colour differences shrink with the light; the red one lowers the light where it is strong.
    share = np.divide(mapped, 1.1 * luma, out=np.zeros_like(luma), where=luma > 1e-6)
    blue = share * (bright[..., 2:] - luma) / 1.8814
    red = share * (bright[..., :1] - luma) / 1.4746
    luma = mapped - np.maximum(0.1 * red, 0)
    r, b = luma + 1.4746 * red, luma + 1.8814 * blue
    g = (luma - LUMA[0] * r - LUMA[2] * b) / LUMA[1]
    linear = np.clip(np.concatenate([r, g, b], axis=-1), 0, 1) ** GAMMA
    return np.clip(linear @ TO_709.T, 0, 1) ** (1 / GAMMA)


def light(signal: np.ndarray, transfer: int) -> np.ndarray:
    """The light of a screen whose peak is 1,000 cd/m2 (ITU-R BT.2100-2, tables 4 and 5)."""
    signal = np.asarray(signal, float)
    if transfer == PQ:
        root = signal ** (1 / 78.84375)
        linear = np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)
        return 10000 / PEAK * linear ** (1 / 0.1593017578125)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    return scene * np.maximum(scene @ LUMA, 1e-12)[..., None] ** 0.2


def _mapped(luma: np.ndarray) -> np.ndarray:
    """Luma (gamma 2.4) of 1,000 cd/m2 brought to 100: steps 1 to 3 of the method."""
    hdr, low = (1 + 32 * (peak / 10000) ** (1 / GAMMA) for peak in (PEAK, SDR_PEAK))
    p = np.log(1 + (hdr - 1) * luma) / np.log(hdr)
    knee = -1.1510 * p**2 + 2.7811 * p - 0.6302
    c = np.where(p <= 0.7399, 1.0770 * p, np.where(p < 0.9909, knee, 0.5 * p + 0.5))
    return (low**c - 1) / (low - 1)


@cache
def _table(transfer: int) -> np.ndarray:
    """uint8 (64 ** 3, 3): what stands for each coarse colour, red first."""
    levels = (np.arange(1 << COARSE_BITS) + 0.5) / (1 << COARSE_BITS)
    signal = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1)
    return np.rint(255 * sdr(signal.reshape(-1, 3), transfer)).astype(np.uint8)


def sdr_image(image: np.ndarray, transfer: int) -> np.ndarray:
    """`sdr` of a small image, uint8 (height, width, 3), to 1/64 of each colour."""
    coarse = (image >> (8 - COARSE_BITS)).astype(np.int32)
    places = (coarse[..., 0] << 2 * COARSE_BITS) | (coarse[..., 1] << COARSE_BITS) | coarse[..., 2]
    found: np.ndarray = _table(transfer)[places]
    return found


def write_cube(path: Path, transfer: int) -> None:
    """Write `sdr` as a table that FFmpeg's lut3d reads, red running fastest."""
    levels = np.linspace(0, 1, CUBE_SIZE)
    blue, green, red = np.meshgrid(levels, levels, levels, indexing="ij")
    colours = sdr(np.stack([red, green, blue], axis=-1).reshape(-1, 3), transfer)
    with path.open("w") as file:
        file.write(f"LUT_3D_SIZE {CUBE_SIZE}\n")
        np.savetxt(file, colours, fmt="%.6f")
