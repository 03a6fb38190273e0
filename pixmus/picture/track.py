"""`Track`: which of the sound tracks of a clip is taken as its own sound, and why.

A camera may write a track for each microphone, a recorder one for each program. Players play the
one that is flagged; where that is silent or none is, people are listened for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.container import InputContainer

from pixmus.errors import PixMusError
from pixmus.picture.stream import frames_of, open_clip, packets_of

ALL = "all"  # asks for every track
LISTENED = 120.0  # seconds of each track
MOST_TRACKS = 16  # that are listened to
RATE = 8000  # Hz
WINDOW = 256  # samples, 32 ms
VOICE_BAND = (300.0, 3400.0)  # Hz, as telephones carry
SYLLABLES = (2.0, 8.0)  # Hz: speech comes and goes so often (Scheirer and Slaney 1997, 4 Hz energy)
SILENT = 1e-3  # root mean square of full scale, -60 dB
CLEARLY = 2.0  # times by which another track must be more of a voice than the first


@dataclass(frozen=True)
class Track:
    """A sound track of a clip, or several that sound together where a person asked for that."""

    index: int  # of its stream
    number: int  # among those that can be decoded, from 1
    count: int  # of these
    others: tuple[tuple[int, int], ...] = ()  # (index, number) of those that sound with it

    @property
    def indices(self) -> tuple[int, ...]:
        """Of the streams of all that sound."""
        return (self.index, *(index for index, _ in self.others))

    @property
    def notices(self) -> tuple[str, ...]:
        """What a person should know of the choice, in sentences."""
        if self.count < 2:
            return ()
        numbers = [str(self.number), *(str(number) for _, number in self.others)]
        if len(numbers) == 1:
            return (
                f"The clip has {self.count} sound tracks; number {numbers[0]} is its own sound.",
            )
        together = f"{', '.join(numbers[:-1])} and {numbers[-1]}"
        return (f"The clip has {self.count} sound tracks; its own sound is {together} together.",)


def choose_track(container: InputContainer, path: Path, asked: str = "") -> Track | None:
    """The tracks that were asked for ("2", "1,3", "all"), else the one that is flagged as default
    unless it is silent, else the one that is most of a voice, else the loudest.

    None where no track can be decoded; PixMusError where there is none of a number.
    """
    streams = [s for s in container.streams.audio if s.codec_context is not None]
    if not streams:
        return None
    if asked.strip():
        numbers = _numbers(asked, len(streams), path)
        first, *others = [(streams[number - 1].index, number) for number in numbers]
        return Track(*first, len(streams), tuple(others))
    if len(streams) == 1:
        return Track(streams[0].index, 1, 1)
    heard = _listen(path, [s.index for s in streams[:MOST_TRACKS]])
    flagged = [s.index for s in streams if s.disposition & av.stream.Disposition.default]
    chosen = flagged[0] if len(flagged) == 1 else None
    if chosen is None or _level(heard.get(chosen, np.zeros(0))) < SILENT:
        chosen = _most_voice(heard, flagged[0] if flagged else streams[0].index)
    return Track(chosen, 1 + [s.index for s in streams].index(chosen), len(streams))


def _numbers(asked: str, count: int, path: Path) -> list[int]:
    """The numbers of tracks that a person names, each once, in order."""
    words = asked.replace(",", " ").split()
    if words == [ALL]:
        return list(range(1, count + 1))
    known = {str(number): number for number in range(1, count + 1)}
    for word in words:
        if word not in known:
            has = "1 sound track" if count == 1 else f"{count} sound tracks"
            raise PixMusError(
                f"{path} has {has} and no {word[:20]!r}; name some by their numbers from 1, such "
                f'as "1,2", or "{ALL}".'
            )
    return sorted({known[word] for word in words})


def _most_voice(heard: dict[int, np.ndarray], first: int) -> int:
    """`first` unless another is clearly more of a voice, or it is silent and another is not."""
    levels = {index: _level(sound) for index, sound in heard.items()}
    for measured in ({index: voice(sound) for index, sound in heard.items()}, levels):
        best = max(measured, key=lambda index: measured[index])
        if measured[best] > SILENT / 4 and levels[best] >= SILENT:
            return best if measured[best] > CLEARLY * measured.get(first, 0.0) else first
    return first


def voice(sound: np.ndarray) -> float:
    """How loud the part of a sound (samples,) at `RATE` is that comes and goes as syllables do.

    The root mean square of the envelope of the voice's band, between the rates of `SYLLABLES`.
    """
    count = len(sound) // WINDOW
    if count < 32:
        return 0.0
    frames = sound[: count * WINDOW].reshape(count, WINDOW) * np.hanning(WINDOW)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    hertz = np.fft.rfftfreq(WINDOW, 1 / RATE)
    inside = (hertz >= VOICE_BAND[0]) & (hertz <= VOICE_BAND[1])
    # Parseval, with the window's mean square of 3/8.
    envelope = np.sqrt(2 * power[:, inside].sum(axis=1) / (WINDOW**2 * 3 / 8))
    spectrum = np.abs(np.fft.rfft(envelope - envelope.mean())) ** 2
    rates = np.fft.rfftfreq(count, WINDOW / RATE)
    slow = (rates >= SYLLABLES[0]) & (rates <= SYLLABLES[1])
    return float(np.sqrt(2 * spectrum[slow].sum()) / count)


def _level(sound: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(sound)))) if sound.size else 0.0


def _listen(path: Path, indices: Sequence[int]) -> dict[int, np.ndarray]:
    """The first `LISTENED` seconds of tracks, float32 (samples,) at `RATE`."""
    heard: dict[int, list[np.ndarray]] = {index: [] for index in indices}
    missing = dict.fromkeys(indices, int(LISTENED * RATE))
    with open_clip(path) as container:
        streams = [s for s in container.streams.audio if s.index in heard]
        resamplers = {index: av.AudioResampler("fltp", "mono", RATE) for index in indices}
        kinds: dict[int, tuple[object, ...]] = {}
        for packet in packets_of(container, path, *streams):
            index = packet.stream.index
            if missing[index] <= 0:
                if max(missing.values()) <= 0:
                    break
                continue
            stream = cast(av.AudioStream, packet.stream)
            for frame in cast(Sequence[av.AudioFrame], frames_of(packet, stream)):
                kind = (frame.format.name, frame.layout.name, frame.sample_rate)
                if kinds.setdefault(index, kind) != kind:
                    continue  # what comes before a change is enough to know it by
                frame.pts = None
                for piece in resamplers[index].resample(frame):
                    block = np.nan_to_num(piece.to_ndarray()[0], posinf=0.0, neginf=0.0)
                    heard[index].append(np.clip(block, -1, 1))
                    missing[index] -= block.size
    return {index: np.concatenate(blocks or [np.zeros(0)]) for index, blocks in heard.items()}
