"""Recordings of real players with a free licence, measured as the takes are, to set beside them.

None of them comes along. `pixmus evaluate sound --recordings DIR` measures what lies in DIR under
the names of `RECORDINGS`; without it an earlier run's numbers are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from pixmus.studies.sound_measures import (
    AIR_HZ,
    LOW_MID_HZ,
    PRESENCE_HZ,
    balance,
    energy_share,
    loudness_spread,
    stereo_width,
)
from pixmus.waveform import SAMPLE_RATE, Waveform

LIBROSA = "github.com/librosa/data 450cdd8a, audio"
CLASSICAL = "github.com/GitZilla8462/music-mind-academy-git 8b66efad, audio/classical"


@dataclass(frozen=True)
class Recording:
    """A piece, who plays it, its licence as its source states it, and the files it is made of."""

    name: str
    players: str
    licence: str
    source: str
    files: tuple[str, ...]


RECORDINGS = (
    Recording("Brahms, Hungarian Dance 5", "US Army Strings (string orchestra)", "public domain",
              LIBROSA, ("hungarian-dance-5.ogg",)),
    Recording("Vivaldi, Summer, Presto", "Wichita State University Chamber Players (strings)",
              "CC BY-SA 3.0", CLASSICAL,
              tuple(f"vivaldi-summer-presto-{number}.mp3" for number in range(1, 5))),
    Recording("Grieg, Morning Mood", "Musopen Symphony", "public domain", CLASSICAL,
              ("grieg-morning-mood.mp3",)),
    Recording("Grieg, Morning Mood", "Czech National Symphony Orchestra", "public domain mark",
              CLASSICAL, tuple(f"grieg-morning-{number}.mp3" for number in range(1, 5))),
    Recording("Beethoven, Moonlight Sonata, Adagio", "Paul Pitman (piano)", "public domain",
              CLASSICAL, ("beethoven-moonlight-sonata-adagio.mp3",)),
    Recording("Let's Go Fishin'", "Karissa Hobbs (song with band)", "CC BY 3.0", LIBROSA,
              ("lets-go-fishin.ogg",)),
    Recording("Tchaikovsky, Sugar Plum Fairy", "Kevin MacLeod (samples, not players)", "CC BY 3.0",
              LIBROSA, ("sugar-plum.ogg",)),
)  # fmt: skip


def measure_recordings(folder: Path) -> list[dict[str, str | float]]:
    """What each recording measures; those of which a file is missing are left out."""
    rows: list[dict[str, str | float]] = []
    for recording in RECORDINGS:
        paths = [folder / name for name in recording.files]
        if not all(path.is_file() for path in paths):
            continue
        music = np.concatenate([read_music(path) for path in paths], axis=1)
        duration = music.shape[1] / SAMPLE_RATE
        rows.append(
            {
                "name": recording.name,
                "players": recording.players,
                "licence": recording.licence,
                "source": recording.source,
                "duration": duration,
                "loudness spread": loudness_spread(music, duration),
                "low mids": 100.0 * 10.0 ** (energy_share(music, LOW_MID_HZ) / 10.0),
                "presence": energy_share(music, PRESENCE_HZ),
                "air": energy_share(music, AIR_HZ),
                "stereo width": stereo_width(music),
                "balance": abs(balance(music)),
            }
        )
    return rows


def still_listed(rows: Sequence[dict[str, str | float]]) -> list[dict[str, str | float]]:
    """An earlier run's rows without those of recordings that are no longer in `RECORDINGS`."""
    names = {(recording.name, recording.players) for recording in RECORDINGS}
    return [row for row in rows if (row["name"], row["players"]) in names]


def read_music(path: Path) -> Waveform:
    """The sound of a file. float32 (2, samples) at 44.1 kHz"""
    resampler = av.AudioResampler("fltp", "stereo", SAMPLE_RATE)
    with av.open(str(path)) as container:
        decoded = container.decode(container.streams.audio[0])
        frames = [made for frame in decoded for made in resampler.resample(frame)]
        frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray() for frame in frames], axis=1).astype(np.float32)
