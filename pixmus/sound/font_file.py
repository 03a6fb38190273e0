"""`FontFile`: a SoundFont as zones and samples, read and written with PCM (sf2) or Vorbis (sf3).

Conventions: generators are (number, 16-bit value) and modulators five numbers, both as SoundFont
Technical Specification 2.04 has them; loops are samples from a sample's own start.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Generator = tuple[int, int]
Modulator = tuple[int, int, int, int, int]

INSTRUMENT, SAMPLE = 41, 53  # generators that name what a zone plays
KEY, VELOCITY = 43, 44  # generators that say when it does
ORDER = {KEY: 0, VELOCITY: 1, INSTRUMENT: 3, SAMPLE: 3}  # in a zone; all others are 2
VORBIS = 0x10  # of a sample's kind
PADDING = 46  # silent samples after each one, as the specification wants
PRESET_HEADER, INSTRUMENT_HEADER, SAMPLE_HEADER = "<20sHHHIII", "<20sH", "<20sIIIIIBbHH"
BAG, GENERATOR, MODULATOR = "<HH", "<HH", "<HHhHH"
END_OF_SAMPLES = (b"EOS", 0, 0, 0, 0, 0, 0, 0, 0, 0)


@dataclass(frozen=True)
class Zone:
    """What applies to some keys and velocities; one that names nothing holds for all after it."""

    generators: tuple[Generator, ...]
    modulators: tuple[Modulator, ...] = ()

    def __getitem__(self, number: int) -> int | None:
        return dict(self.generators).get(number)

    def range(self, number: int) -> tuple[int, int]:
        """Lowest and highest key (generator 43) or velocity (44)."""
        value = dict(self.generators).get(number, 127 << 8)
        return value & 255, value >> 8

    def changed(self, changes: Mapping[int, int], without: Collection[int] = ()) -> Zone:
        """The zone with some generators set and some left out, in the specification's order."""
        kept = {**dict(self.generators), **changes}
        items = [item for item in kept.items() if item[0] not in without]
        return replace(self, generators=tuple(sorted(items, key=lambda i: ORDER.get(i[0], 2))))


@dataclass(frozen=True)
class Instrument:
    """Samples laid over the keys."""

    name: str
    zones: tuple[Zone, ...]

    @property
    def general(self) -> Zone:
        """The zone that holds for all others; an empty one where there is none."""
        return next((zone for zone in self.zones if zone[SAMPLE] is None), Zone(()))


@dataclass(frozen=True)
class Preset:
    """Instruments laid over keys and velocities, under a bank and a programme."""

    name: str
    bank: int
    program: int
    zones: tuple[Zone, ...]

    @property
    def general(self) -> Zone:
        """The zone that holds for all others; an empty one where there is none."""
        return next((zone for zone in self.zones if zone[INSTRUMENT] is None), Zone(()))


@dataclass(frozen=True)
class Sample:
    """One recording. `data` is 16-bit PCM, or an Ogg Vorbis file where `is_vorbis`."""

    name: str
    data: bytes
    is_vorbis: bool
    loop: tuple[int, int]
    rate: int
    root: int  # MIDI pitch
    correction: int  # cents
    link: int  # the other side's sample
    kind: int  # 1 mono, 2 right, 4 left

    @cached_property
    def pcm(self) -> NDArray[np.float32]:
        """The samples, -1 to 1. (samples,)"""
        if self.is_vorbis:
            import soundfile

            return np.asarray(soundfile.read(io.BytesIO(self.data), dtype="float32")[0], np.float32)
        return np.frombuffer(self.data, "<i2").astype(np.float32) / np.float32(32768)

    def with_pcm(self, pcm: NDArray[np.float32], quality: float | None = None) -> Sample:
        """The same with other samples, as 16-bit PCM or as Vorbis of a quality (0 to 1)."""
        if quality is None:
            data = np.clip(np.rint(pcm * 32768), -32768, 32767).astype("<i2").tobytes()
            return replace(self, data=data, is_vorbis=False)
        import soundfile

        file = io.BytesIO()
        soundfile.write(
            file, pcm, self.rate, format="OGG", subtype="VORBIS", compression_level=1.0 - quality
        )
        return replace(self, data=file.getvalue(), is_vorbis=True)


@dataclass(frozen=True)
class FontFile:
    """The presets, instruments and samples of a font; zones name the others by their index."""

    presets: tuple[Preset, ...]
    instruments: tuple[Instrument, ...]
    samples: tuple[Sample, ...]

    def preset(self, bank: int, program: int) -> Preset:
        """The preset of a bank and a programme; raises KeyError where there is none."""
        for preset in self.presets:
            if (preset.bank, preset.program) == (bank, program):
                return preset
        raise KeyError((bank, program))


def signed(value: int) -> int:
    """A generator's 16 bits as a signed number."""
    return value - 0x10000 if value >= 0x8000 else value


def unsigned(value: int) -> int:
    """A signed number as a generator's 16 bits."""
    return value & 0xFFFF


def read_font(path: Path) -> FontFile:
    """A font from its file; raises ValueError where it is none."""
    chunks = dict(_chunks(path.read_bytes()))
    try:
        presets = _records(PRESET_HEADER, chunks[b"phdr"])
        instruments = _records(INSTRUMENT_HEADER, chunks[b"inst"])
        headers = _records(SAMPLE_HEADER, chunks[b"shdr"])
        preset_zones, instrument_zones = _zones(chunks, b"p"), _zones(chunks, b"i")
        pool = memoryview(chunks[b"smpl"])
    except (KeyError, struct.error) as error:
        raise ValueError(f"{path} is not a SoundFont") from error
    return FontFile(
        tuple(
            Preset(_text(name), bank, program, preset_zones(first, following[3]))
            for (name, program, bank, first, *_), following in zip(
                presets[:-1], presets[1:], strict=True
            )
        ),
        tuple(
            Instrument(_text(name), instrument_zones(first, following[1]))
            for (name, first), following in zip(instruments[:-1], instruments[1:], strict=True)
        ),
        tuple(_sample(header, pool) for header in headers[:-1]),
    )


def write_font(path: Path, font: FontFile, name: str, copyright_notice: str) -> None:
    """Write the font; all its samples have to be of one kind, PCM or Vorbis."""
    is_vorbis = any(sample.is_vorbis for sample in font.samples)
    pool, headers = _pooled(font.samples)
    presets = _packed(
        [((_name(p.name), p.program, p.bank), (0, 0, 0), p.zones) for p in font.presets],
        PRESET_HEADER, ((b"EOP", 255, 255), (0, 0, 0)), b"p",
    )  # fmt: skip
    instruments = _packed(
        [((_name(i.name),), (), i.zones) for i in font.instruments],
        INSTRUMENT_HEADER, ((b"EOI",), ()), b"i",
    )  # fmt: skip
    version = struct.pack("<HH", *((3, 0) if is_vorbis else (2, 1)))
    texts = ((b"isng", "EMU8000"), (b"INAM", name), (b"ICOP", copyright_notice))
    body = (
        b"sfbk"
        + _list(b"INFO", [(b"ifil", version), *((key, _zero_ended(text)) for key, text in texts)])
        + _list(b"sdta", [(b"smpl", pool)])
        + _list(
            b"pdta",
            [
                (b"phdr", presets[b"hdr"]),
                *((b"p" + key, presets[key]) for key in (b"bag", b"mod", b"gen")),
                (b"inst", instruments[b"hdr"]),
                *((b"i" + key, instruments[key]) for key in (b"bag", b"mod", b"gen")),
                (b"shdr", headers),
            ],
        )
    )
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a RIFF file, those of its lists one by one."""
    at = 12
    while at + 8 <= len(data):
        key, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if key == b"LIST":
            at += 12
            continue
        yield key, data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _records(form: str, data: bytes) -> list[tuple]:
    return list(struct.iter_unpack(form, data))


def _zones(chunks: dict[bytes, bytes], kind: bytes) -> Callable[[int, int], tuple[Zone, ...]]:
    bags = _records(BAG, chunks[kind + b"bag"])
    generators = _records(GENERATOR, chunks[kind + b"gen"])
    modulators = _records(MODULATOR, chunks[kind + b"mod"])

    def zones(first: int, last: int) -> tuple[Zone, ...]:
        return tuple(
            Zone(tuple(generators[bag[0] : end[0]]), tuple(modulators[bag[1] : end[1]]))
            for bag, end in zip(bags[first:last], bags[first + 1 : last + 1], strict=True)
        )

    return zones


def _sample(header: tuple, pool: memoryview) -> Sample:
    name, start, end, loop_start, loop_end, rate, root, correction, link, kind = header
    is_vorbis = bool(kind & VORBIS)
    if not is_vorbis:
        loop_start, loop_end = loop_start - start, loop_end - start
        start, end = 2 * start, 2 * end
    loop = (loop_start, loop_end)
    data = bytes(pool[start:end])
    return Sample(_text(name), data, is_vorbis, loop, rate, root, correction, link, kind & ~VORBIS)


def _pooled(samples: Iterable[Sample]) -> tuple[bytes, bytes]:
    pool, headers = bytearray(), bytearray()
    for sample in samples:
        unit = 1 if sample.is_vorbis else 2
        start = len(pool) // unit
        pool += sample.data
        end = len(pool) // unit
        if not sample.is_vorbis:
            pool += bytes(2 * PADDING)
        origin = 0 if sample.is_vorbis else start
        headers += struct.pack(
            SAMPLE_HEADER, _name(sample.name), start, end, sample.loop[0] + origin,
            sample.loop[1] + origin, sample.rate, sample.root, sample.correction, sample.link,
            sample.kind | (VORBIS if sample.is_vorbis else 0),
        )  # fmt: skip
    return bytes(pool), bytes(headers) + struct.pack(SAMPLE_HEADER, *END_OF_SAMPLES)


def _packed(
    items: Sequence[tuple[tuple, tuple, Sequence[Zone]]], form: str, end: tuple, kind: bytes
) -> dict[bytes, bytes]:
    """The headers and zones of presets or instruments, each list with its end mark."""
    header, bag, generator, modulator = bytearray(), bytearray(), bytearray(), bytearray()
    num_bags = num_generators = num_modulators = 0
    for before, after, zones in items:
        header += struct.pack(form, *before, num_bags, *after)
        for zone in zones:
            bag += struct.pack(BAG, num_generators, num_modulators)
            generator += b"".join(struct.pack(GENERATOR, *each) for each in zone.generators)
            modulator += b"".join(struct.pack(MODULATOR, *each) for each in zone.modulators)
            num_bags += 1
            num_generators += len(zone.generators)
            num_modulators += len(zone.modulators)
    header += struct.pack(form, *end[0], num_bags, *end[1])
    bag += struct.pack(BAG, num_generators, num_modulators)
    generator += bytes(4)
    modulator += bytes(10)
    return {b"hdr": bytes(header), b"bag": bytes(bag), b"gen": bytes(generator),
            b"mod": bytes(modulator)}  # fmt: skip


def _list(key: bytes, chunks: Sequence[tuple[bytes, bytes]]) -> bytes:
    body = key
    for name, data in chunks:
        body += name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)
    return b"LIST" + struct.pack("<I", len(body)) + body


def _text(name: bytes) -> str:
    return name.split(b"\0")[0].decode("latin1")


def _name(name: str) -> bytes:
    return name.encode("latin1", "replace")[:19]


def _zero_ended(text: str) -> bytes:
    data = text.encode("latin1") + b"\0"
    return data + bytes(len(data) % 2)
