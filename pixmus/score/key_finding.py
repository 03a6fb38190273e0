"""Which key music is in: its pitch classes held against the profiles of the 24 keys."""

from __future__ import annotations

from functools import cache

import numpy as np

# Krumhansl & Kessler (1982) probe-tone profiles, major and minor, tonic first.
MAJOR_PROFILE = np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88])
MINOR_PROFILE = np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])


@cache
def _key_profiles() -> np.ndarray:
    """The profiles of the 24 keys, majors then minors, mean 0 and norm 1. (24, 12)"""
    profiles = np.stack(
        [
            np.roll(profile, tonic)
            for profile in (MAJOR_PROFILE, MINOR_PROFILE)
            for tonic in range(12)
        ]
    )
    profiles = profiles - profiles.mean(1, keepdims=True)
    return profiles / np.linalg.norm(profiles, axis=1, keepdims=True)


def key_correlations(pitch_classes: np.ndarray) -> np.ndarray:
    """Correlation of pitch-class weights (..., 12) with the 24 keys (..., 24): majors, minors.

    Krumhansl & Schmuckler's key-finding (Krumhansl 1990, chapter 4).
    """
    centred = pitch_classes - pitch_classes.mean(-1, keepdims=True)
    norm = np.linalg.norm(centred, axis=-1, keepdims=True)
    return (centred / np.maximum(norm, 1e-9)) @ _key_profiles().T
