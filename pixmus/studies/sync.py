"""How well the music meets the cuts: strong onsets of the finished clip against every true cut.

    python -m pixmus.studies.sync [--videos ../shared/data/video] [--model DIR] [--quick]

writes `sync.json`, `sync.md` and `sync.png`. The music is decoded from the scored mp4, the clip's
own sound left out. The truth is the montage's plan, or what was marked by eye in a real clip:
transitions that spotting overlooked count like all others, dissolves and fades at their middle.

What a strong onset is, `pixmus.check.onsets` says. Times are seconds.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pixmus.check.onsets import flux_peaks, hit_rate, nearest_offsets, strong_onsets
from pixmus.compose.accents import choose_accents
from pixmus.ensembles import MUSIC_BOX, PIANO, STRINGS, Part
from pixmus.errors import PixMusError
from pixmus.files import PACKAGE, REPOSITORY, new_file
from pixmus.picture.sound import read_audio
from pixmus.picture.video import probe
from pixmus.score.notes import Note, Score
from pixmus.score.tempo import TempoMap, place_hits
from pixmus.training.montages import Clip, is_tuned_on, load_clips, write_montage
from pixmus.waveform import SAMPLE_RATE

if TYPE_CHECKING:  # torch and matplotlib are wanted only where something is made
    from matplotlib.figure import Figure

    from pixmus.picture.footage import Footage
    from pixmus.take.pipeline import PixMusPipeline, Soundtrack

TOLERANCES_S = (0.040, 0.070, 0.100)
NEAR_S = 0.100  # the nearest onset this close gives a cut's offset
MEAN_SHOTS_S = (1.5, 2.5, 4.0)
FRAME_RATES = (Fraction(24), Fraction(25), Fraction(30))
FIRST_SEED = 3000  # no montage of these seeds was looked at while anything was made
MONTAGE_S = 30.0
NUM_SHIFTS = 200
SMALLEST_SHIFT_S = 0.5
NUM_RESAMPLES = 2000

TRUTHS = REPOSITORY / "tests" / "data"
REAL_CLIPS = {
    "shared-assets__tears-of-steel-battle-clip-medium.webm": TRUTHS / "tears_of_steel_cuts.json",
    "samples__mixed-content.webm": TRUTHS / "mixed_content_cuts.json",
}
SLOW_ROW = "2.5 s and longer, and real"
# Why a cut was missed: the first stage that did not hand it on.
STAGES = {
    "spotting": "no transition was found within a frame of it",
    "cue sheet": "a transition was found, and no hit point was made of it",
    "tempo map": "its hit point lies on no eighth of the grid",
    "spacing": "placed, and closer than 1.2 s to a hit point that got an accent",
    "accent": "placed and chosen, and no note could be had there",
    "weak": "accented, and its onset is heard within 40 ms, but is not strong",
    "late": "accented, and no onset at all is heard within 40 ms",
}


# ---------------------------------------------------------------------------------- The detector


def synthetic_attacks(rise: float, seed: int = 0, count: int = 120) -> tuple[np.ndarray, ...]:
    """A waveform of struck chords, the times of half their rise, and which are accents.

    Chords of four decaying partials, 0.2 to 0.8 s apart, `rise` seconds long to their full height;
    each fifth one is 8 dB louder than the others, which differ by up to 4 dB; noise at -50 dBFS.
    """
    generator = np.random.default_rng(seed)
    starts = 0.5 + np.cumsum(generator.uniform(0.2, 0.8, count))
    waveform = 10 ** (-50 / 20) * generator.standard_normal(round((starts[-1] + 2) * SAMPLE_RATE))
    is_accent = np.arange(count) % 5 == 2
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    shape = np.minimum(time / max(rise, 1e-6), 1.0) * np.exp(-time / 0.25)
    for start, accent in zip(starts, is_accent, strict=True):
        level = 0.05 * 10 ** (generator.uniform(-2, 2) / 20) * (10 ** (8 / 20) if accent else 1)
        pitches = 110 * 2 ** (generator.integers(0, 36, 4) / 12)
        partials = [np.sin(2 * np.pi * (p * time + generator.random())) for p in pitches]
        first = round(start * SAMPLE_RATE)
        waveform[first : first + SAMPLE_RATE] += level * shape * np.sum(partials, axis=0)
    return waveform.astype(np.float32)[None], starts + rise / 2, is_accent


def check_detector() -> list[dict[str, Any]]:
    """Recall and offset of the detector on attacks with known times: synthetic, then played."""
    rows = []
    for rise in (0.001, 0.010, 0.030):
        waveform, times, is_accent = synthetic_attacks(rise)
        rows.append(_detector_row(f"synthetic, {1000 * rise:g} ms", waveform, times, is_accent))
    for ensemble in (PIANO.name, STRINGS.name, MUSIC_BOX.name):
        waveform, times, is_accent = _played_attacks(ensemble)
        rows.append(_detector_row(f"{ensemble}, played", waveform, times, is_accent))
    return rows


def _detector_row(
    name: str, waveform: np.ndarray, times: np.ndarray, is_accent: np.ndarray
) -> dict[str, Any]:
    peaks, heights = flux_peaks(waveform)
    offsets = nearest_offsets(times, peaks)
    near = offsets[np.abs(offsets) <= 0.040]
    return {
        "attacks": name,
        "count": len(times),
        "recall_40ms": float((np.abs(offsets) <= 0.040).mean()),
        "offset_ms": 1000 * float(near.mean()),
        "spread_ms": 1000 * float(near.std()),
        "accents_strong_40ms": hit_rate(times[is_accent], strong_onsets(peaks, heights), 0.040),
        "others_strong_40ms": hit_rate(times[~is_accent], strong_onsets(peaks, heights), 0.040),
    }


def _played_attacks(ensemble: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A chord a beat through the synthesiser, each fifth struck harder; every one a hit point."""
    from pixmus.cues.sheet import HitPoint
    from pixmus.ensembles import ENSEMBLES
    from pixmus.sound.renderer import render

    count = 40
    tempo_map = TempoMap.constant(96.0, 30.0, offset=0.5)
    is_accent = np.arange(count) % 5 == 2
    chord: dict[str, tuple[int, ...]] = {
        Part.MELODY: (72,),
        Part.COUNTER: (64,),
        Part.HARMONY: (60, 64, 67),
        Part.BASS: (48,),
    }
    parts = {
        part: tuple(
            Note(float(beat), pitch + (0, 5, -3, 2)[beat % 4], 0.9, 110 if is_accent[beat] else 70)
            for beat in range(count)
            for pitch in pitches
        )
        for part, pitches in chord.items()
        if part in ENSEMBLES[ensemble].parts
    }
    times = np.asarray(tempo_map.to_seconds(np.arange(count, dtype=float)))
    hits = [HitPoint(float(time), 1.0) for time in times]
    stems = render(Score(parts, tempo_map, "C major", ()), ensemble, hits=hits)
    return np.sum([stems[part] for part in stems], axis=0), times, is_accent


# ------------------------------------------------------------------------------------- One clip


@dataclass(frozen=True)
class Case:
    """A clip with its truth: a planned montage, or a real clip whose cuts were marked."""

    name: str
    row: str
    mean_shot: float = 0.0
    frame_rate: str = ""
    seed: int = 0
    duration: float = MONTAGE_S
    video: str = ""  # of a real clip
    truth: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True)
class Measured:
    """What was heard in one scored clip, and how far each stage had handed on its cuts."""

    name: str
    row: str
    duration: float
    frame: float  # length of a frame
    truth: list[tuple[float, str]]  # time and kind
    spotted: list[float]
    hit_points: list[float]
    placed: list[float]
    chosen: list[float]  # placed and far enough apart to get an accent
    accented: list[float]
    peaks: list[float]
    onsets: list[float]  # the strong ones of the peaks
    alone: list[float]  # strong onsets of the same take without accents
    tempo_bpm: float

    @property
    def times(self) -> list[float]:
        """Times of the true cuts."""
        return [time for time, _ in self.truth]


def montage_cases(count: int, duration: float = MONTAGE_S) -> list[Case]:
    """`count` montages, mean shot lengths in turn."""
    cases = []
    for number in range(count):
        mean_shot = MEAN_SHOTS_S[number % len(MEAN_SHOTS_S)]
        rate = FRAME_RATES[number // len(MEAN_SHOTS_S) % len(FRAME_RATES)]
        row, seed = f"{mean_shot:g} s", FIRST_SEED + number
        cases.append(Case(f"montage-{seed}", row, mean_shot, str(rate), seed, duration))
    return cases


def real_cases(folder: Path) -> list[Case]:
    """The real clips whose cuts were marked by eye."""
    cases = []
    for name, truth_path in REAL_CLIPS.items():
        if (folder / name).is_file() and truth_path.is_file():
            marked = json.loads(truth_path.read_text(encoding="utf-8"))["transitions"]
            truth = tuple((float(t["time"]), str(t["kind"])) for t in marked)
            cases.append(Case(name, "real", video=str(folder / name), truth=truth))
    return cases


def measure(
    case: Case, pipe: PixMusPipeline, clips: Callable[[], Sequence[Clip]], num_steps: int
) -> Measured:
    """Score one clip with and without accents, and listen to both finished files."""
    from pixmus.picture.footage import watch

    with tempfile.TemporaryDirectory(prefix="pixmus-sync-") as place:
        path = Path(case.video)
        truth = list(case.truth)
        if not case.video:
            path = Path(place) / "clip.mp4"
            rate = Fraction(case.frame_rate)
            planned = write_montage(
                clips(), case.seed, case.mean_shot, rate, path, duration=case.duration
            )
            truth = [(t.time, t.kind) for t in planned]
        footage = watch(path)
        take, peaks, onsets = _listen(pipe, footage, Path(place), case.seed, num_steps, True)
        _, _, alone = _listen(pipe, footage, Path(place), case.seed, num_steps, False)
    placed = place_hits(take.tempo_map, take.cue_sheet.hit_points)
    accented = set(take.accent_report.beats)
    return Measured(
        name=case.name,
        row=case.row,
        duration=footage.video.duration,
        frame=float(1 / footage.video.frame_rate),
        truth=truth,
        spotted=_rounded(footage.features.cuts),
        hit_points=_rounded(hit.time for hit in take.cue_sheet.hit_points),
        placed=_rounded(hit.time for hit in placed),
        chosen=_rounded(hit.time for hit in choose_accents(placed)),
        accented=_rounded(hit.time for hit in placed if hit.beat in accented),
        peaks=_rounded(peaks),
        onsets=_rounded(onsets),
        alone=_rounded(alone),
        tempo_bpm=float(np.median(take.tempo_map.local_tempo_bpm)),
    )


def _listen(
    pipe: PixMusPipeline, footage: Footage, place: Path, seed: int, num_steps: int, accents: bool
) -> tuple[Soundtrack, np.ndarray, np.ndarray]:
    """A take, and the peaks and strong onsets of its finished clip."""
    take = pipe(
        footage,
        seed=seed,
        num_inference_steps=num_steps,
        accents=accents,
        original_audio="drop",
    )
    scored = place / "scored.mp4"
    take.write_video(scored, overwrite=True)
    waveform = read_audio(probe(scored))
    assert waveform is not None, scored
    peaks, heights = flux_peaks(waveform)
    return take, peaks, strong_onsets(peaks, heights)


def _rounded(times: Any) -> list[float]:
    return [round(float(time), 5) for time in times]


def missed_at(clip: Measured, time: float) -> str:
    """The stage that lost a cut which the music does not meet (a key of `STAGES`)."""
    frame = clip.frame * 1.01

    def has(times: Sequence[float], reach: float) -> bool:
        return abs(float(nearest_offsets([time], times)[0])) <= reach + 1e-6

    if not has(clip.spotted, frame):
        return "spotting"
    if not has(clip.hit_points, frame):
        return "cue sheet"
    for stage, times in (
        ("tempo map", clip.placed),
        ("spacing", clip.chosen),
        ("accent", clip.accented),
    ):
        if not has(times, frame):
            return stage
    return "weak" if has(clip.peaks, TOLERANCES_S[0]) else "late"


# ------------------------------------------------------------------------------------ The tables


def summarise(clips: Sequence[Measured], num_resamples: int = NUM_RESAMPLES) -> dict[str, Any]:
    """One row of the table: rates pooled over all cuts, intervals over resampled clips."""
    clips = [clip for clip in clips if clip.truth]
    counts = np.array([len(clip.truth) for clip in clips])
    generator = np.random.default_rng(0)
    draws = generator.integers(0, len(clips), (num_resamples, len(clips)))

    def pooled(hits: np.ndarray) -> dict[str, Any]:
        """Rate and its 95 % interval, of hits per clip."""
        rates = hits[draws].sum(axis=1) / counts[draws].sum(axis=1)
        low, high = np.quantile(rates, [0.025, 0.975])
        return {"rate": _share(hits, counts), "low": float(low), "high": float(high)}

    row: dict[str, Any] = {"clips": len(clips), "cuts": int(counts.sum())}
    row["mean_shot_s"] = float(sum(c.duration for c in clips) / sum(counts + 1))
    seconds = sum(clip.duration for clip in clips)
    row["onsets_per_s"] = sum(len(clip.onsets) for clip in clips) / seconds
    row["onsets_per_s_alone"] = sum(len(clip.alone) for clip in clips) / seconds
    for tolerance in TOLERANCES_S:
        shifted = np.array([_shifted_hits(clip, tolerance) for clip in clips])  # (clips, shifts)
        hits = _hits(clips, [clip.onsets for clip in clips], tolerance)
        rates = shifted.sum(axis=0) / counts.sum()
        row[f"{1000 * tolerance:.0f}"] = {
            "music": pooled(hits),
            "alone": pooled(_hits(clips, [clip.alone for clip in clips], tolerance)),
            "shifted": {**pooled(shifted.mean(axis=1)), "highest": float(rates.max())},
            "above_shifted": pooled(hits - shifted.mean(axis=1)),
            "metronome": pooled(np.array([_metronome_hits(c, tolerance) for c in clips])),
            "beats": pooled(np.array([_beat_hits(c, tolerance) for c in clips])),
            "cuts_only": _only_cuts(clips, tolerance),
        }
    offsets = np.concatenate([nearest_offsets(clip.times, clip.onsets) for clip in clips])
    near = offsets[np.abs(offsets) <= NEAR_S]
    row["offset_ms"] = 1000 * float(near.mean()) if len(near) else None
    row["offset_median_ms"] = 1000 * float(np.median(near)) if len(near) else None
    row["offset_spread_ms"] = 1000 * float(near.std()) if len(near) else None
    row["missed"] = dict(Counter(stage for _, stage in _misses(clips)))
    row["handed_on"] = _handed_on(clips)
    return row


def _share(part: np.ndarray, whole: np.ndarray) -> float:
    return float(part.sum() / whole.sum())


def _hits(
    clips: Sequence[Measured], onsets: Sequence[Sequence[float]], tolerance: float
) -> np.ndarray:
    return np.array(
        [
            len(c.truth) * hit_rate(c.times, times, tolerance)
            for c, times in zip(clips, onsets, strict=True)
        ]
    )


def _shifted_hits(clip: Measured, tolerance: float) -> np.ndarray:
    """Hits of the same music on the cuts, all shifted round the clip by one random time. (200,)"""
    generator = np.random.default_rng(len(clip.truth))
    reach = clip.duration - 2 * SMALLEST_SHIFT_S
    shifts = SMALLEST_SHIFT_S + reach * generator.random(NUM_SHIFTS)
    moved = (np.array(clip.times) + shifts[:, None]) % clip.duration
    near = np.abs(nearest_offsets(moved.ravel().tolist(), clip.onsets)) <= tolerance + 1e-9
    return near.reshape(moved.shape).sum(axis=1)


def _metronome_hits(clip: Measured, tolerance: float) -> float:
    """Hits of as many clicks as the music has strong onsets, evenly spaced, phase left open."""
    spacing = clip.duration / max(len(clip.onsets), 1)
    return len(clip.truth) * min(1.0, 2 * tolerance / spacing)


def _beat_hits(clip: Measured, tolerance: float) -> float:
    """Hits of a metronome at the music's tempo from 0 s."""
    beats = np.arange(0, clip.duration, 60 / clip.tempo_bpm)
    return len(clip.truth) * hit_rate(clip.times, beats.tolist(), tolerance)


def _only_cuts(clips: Sequence[Measured], tolerance: float) -> float | None:
    """Hit rate on hard cuts, dissolves and fades left aside."""
    near = [
        abs(float(nearest_offsets([time], clip.onsets)[0])) <= tolerance + 1e-9
        for clip in clips
        for time, kind in clip.truth
        if kind == "cut"
    ]
    return float(np.mean(near)) if near else None


def _misses(clips: Sequence[Measured]) -> Iterator[tuple[tuple[str, float, str], str]]:
    """Every cut missed at 40 ms as (clip, time, kind), and the stage that lost it."""
    for clip in clips:
        offsets = nearest_offsets(clip.times, clip.onsets)
        for (time, kind), offset in zip(clip.truth, offsets, strict=True):
            if abs(offset) > TOLERANCES_S[0] + 1e-9:
                yield (clip.name, time, kind), missed_at(clip, time)


def _handed_on(clips: Sequence[Measured]) -> dict[str, dict[str, float]]:
    """For each stage that a cut reached last: how many, and how many of them the music meets."""
    reached: dict[str, list[int]] = {stage: [0, 0] for stage in (*STAGES, "accented")}
    for clip in clips:
        offsets = nearest_offsets(clip.times, clip.onsets)
        for (time, _), offset in zip(clip.truth, offsets, strict=True):
            stage = missed_at(clip, time)
            stage = "accented" if stage in ("weak", "late") else stage
            reached[stage][0] += 1
            reached[stage][1] += int(abs(offset) <= TOLERANCES_S[0] + 1e-9)
    return {stage: {"cuts": count, "met": met} for stage, (count, met) in reached.items() if count}


def tabulate(clips: Sequence[Measured], num_resamples: int = NUM_RESAMPLES) -> dict[str, Any]:
    """All rows, and every missed cut with the stage that lost it."""
    groups: dict[str, list[Measured]] = {}
    for clip in clips:
        groups.setdefault(clip.row, []).append(clip)
    rows = {name: summarise(group, num_resamples) for name, group in groups.items()}
    slow = [clip for clip in clips if clip.row == "real" or float(clip.row.split()[0]) >= 2.5]
    if slow:
        rows[SLOW_ROW] = summarise(slow, num_resamples)
    rows["all"] = summarise(clips, num_resamples)
    missed = [
        {"clip": name, "time": round(time, 4), "kind": kind, "stage": stage}
        for (name, time, kind), stage in _misses(clips)
    ]
    return {"rows": rows, "missed": missed}


def to_markdown(result: dict[str, Any]) -> str:
    """The tables of `sync.md`."""
    settings = result["settings"]
    lines = [
        "# Does the music meet the cuts?",
        "",
        f"Made by `{settings['command']}` with model {settings['model'][:12]} and "
        f"{settings['renderer']}, {settings['steps']} steps, one take a clip.",
        "",
        "Strong onsets of the music, decoded from the finished mp4 with the clip's own sound left "
        "out, against every true cut: the montage's own plan, or what was marked by eye. "
        "Transitions that spotting overlooked count like all others; dissolves and fades count at "
        "their middle. Strong onsets: peaks of the spectral flux (Hann window of 1024 samples "
        "every 220, 5 ms; the highest within 30 ms to both sides) above the 75th percentile of "
        "the piece's peaks. Rates are pooled over all cuts of a row; in brackets 95 % intervals "
        f"from {settings['resamples']} resamples of its clips.",
        "",
        f"Montages: {settings['montage_s']:g} s, seeds from {FIRST_SEED}, at 24, 25 and 30 frames "
        "a second in turn, of the clips that the detector of cuts was not tuned on, with flashes, "
        "shakes, whip pans, freezes and exposure changes as traps. Real clips: "
        + ", ".join(f"`{name}`" for name in settings["real"])
        + "; the other shared clips hold no cut.",
        "",
        "Hit rate within 40 ms. *Above shifted* is the music's rate less that of the same music "
        f"against {NUM_SHIFTS} cut lists shifted round the clip by random times; *highest* is the "
        "best of those. *Metronome* has as many evenly spaced clicks as the music has strong "
        "onsets; *beats* clicks on each beat of the music's tempo from 0 s. *Model alone* is the "
        "same seed without accents, on the same tempo map.",
        "",
        "| mean shot | clips | cuts | hit@40 | above shifted | shifted (highest) | metronome "
        "| beats | model alone | hard cuts only |",
        "|" + 10 * "---|",
    ]
    for name, row in result["rows"].items():
        at = row["40"]
        lines.append(
            f"| {name} | {row['clips']} | {row['cuts']} | **{at['music']['rate']:.3f}** "
            f"({_interval(at['music'])}) | {at['above_shifted']['rate']:.3f} "
            f"({_interval(at['above_shifted'])}) | {at['shifted']['rate']:.3f} "
            f"({at['shifted']['highest']:.3f}) | {at['metronome']['rate']:.3f} "
            f"| {at['beats']['rate']:.3f} | {at['alone']['rate']:.3f} ({_interval(at['alone'])}) "
            f"| {_number(at['cuts_only'], 3)} |"
        )
    lines += [
        "",
        "Wider tolerances, the signed offset of the nearest strong onset within 100 ms (positive: "
        "the music is late), and how many strong onsets there are:",
        "",
        "| mean shot | hit@70 (shifted) | hit@100 (shifted) | offset mean | median | spread "
        "| onsets a second | model alone |",
        "|" + 8 * "---|",
    ]
    for name, row in result["rows"].items():
        lines.append(
            f"| {name} | {row['70']['music']['rate']:.3f} ({row['70']['shifted']['rate']:.3f}) "
            f"| {row['100']['music']['rate']:.3f} ({row['100']['shifted']['rate']:.3f}) "
            f"| {_number(row['offset_ms'], 1)} ms | {_number(row['offset_median_ms'], 1)} ms "
            f"| {_number(row['offset_spread_ms'], 1)} ms | {row['onsets_per_s']:.2f} "
            f"| {row['onsets_per_s_alone']:.2f} |"
        )
    lines += [
        "",
        "Where the cuts missed at 40 ms were lost, by the first stage that did not hand them on:",
        "",
        "| mean shot | missed | " + " | ".join(STAGES) + " |",
        "|" + (2 + len(STAGES)) * "---|",
    ]
    for name, row in result["rows"].items():
        missed = row["missed"]
        cells = " | ".join(str(missed.get(stage, 0)) for stage in STAGES)
        lines.append(f"| {name} | {sum(missed.values())} of {row['cuts']} | {cells} |")
    reached = result["rows"]["all"]["handed_on"]
    met = "; ".join(f"{stage} {cell['met']} of {cell['cuts']}" for stage, cell in reached.items())
    lines += [
        "",
        *(f"- *{stage}*: {meaning}." for stage, meaning in STAGES.items()),
        "",
        "Met within 40 ms all the same, by the stage that lost them (*accented*: none did): "
        f"{met}.",
        "",
        "The detector itself, on attacks with known times. Synthetic: 120 chords of decaying "
        "partials 0.2 to 0.8 s apart, every fifth 8 dB louder, rising in 1, 10 or 30 ms, offsets "
        "from half the rise. Played: 40 chords by the ensembles' own instruments, every fifth at "
        "velocity 110 instead of 70, offsets from the written time.",
        "",
        "| attacks | found within 40 ms | offset | spread | accents strong | others strong |",
        "|" + 6 * "---|",
    ]
    for row in result["detector"]:
        lines.append(
            f"| {row['attacks']} | {row['recall_40ms']:.3f} of {row['count']} "
            f"| {row['offset_ms']:.1f} ms | {row['spread_ms']:.1f} ms "
            f"| {row['accents_strong_40ms']:.3f} | {row['others_strong_40ms']:.3f} |"
        )
    return "\n".join(lines) + "\n"


def _interval(value: dict[str, float]) -> str:
    return f"{value['low']:.2f} to {value['high']:.2f}"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def plot(result: dict[str, Any], clips: Sequence[Measured]) -> Figure:
    """Hit rates beside their baselines, the offsets, and where missed cuts were lost."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from pixmus.take.figure import DPI, INK, PAGE, PANEL, QUIET, RULE, WIDTH_PX

    figure = Figure(figsize=(WIDTH_PX / DPI, 4.2), dpi=DPI, facecolor=PAGE)
    FigureCanvasAgg(figure)
    rates, offsets, losses = figure.subplots(
        1, 3, gridspec_kw={"width_ratios": [1.7, 1, 1.3], "wspace": 0.34}
    )
    figure.subplots_adjust(left=0.06, right=0.985, top=0.82, bottom=0.2)
    rows = {name: row for name, row in result["rows"].items() if name not in (SLOW_ROW, "all")}
    series = {
        "music": ("music", "#c2185b"),
        "model alone": ("alone", "#6a4c93"),
        "shifted cuts": ("shifted", "#8fa3b5"),
        "metronome": ("metronome", "#c9ced6"),
    }
    width = 0.8 / len(series)
    for number, (label, (key, colour)) in enumerate(series.items()):
        cells = [row["40"][key] for row in rows.values()]
        values = np.array([cell["rate"] for cell in cells])
        ends = [
            [max(0.0, v - c["low"]) for v, c in zip(values, cells, strict=True)],
            [max(0.0, c["high"] - v) for v, c in zip(values, cells, strict=True)],
        ]
        at = np.arange(len(rows)) + (number - (len(series) - 1) / 2) * width
        rates.bar(at, values, 0.92 * width, color=colour, label=label, zorder=3)
        rates.errorbar(at, values, ends, fmt="none", ecolor=INK, elinewidth=0.9, zorder=4)
    rates.set_xticks(range(len(rows)), [f"{n}\n{row['cuts']} cuts" for n, row in rows.items()])
    rates.axhline(0.9, color=INK, lw=0.8, ls=(0, (3, 2)), zorder=2)
    rates.set_ylim(0, 1.02)
    rates.set_title("Cuts with a strong onset within 40 ms", fontsize=10, color=INK, loc="left")
    figure.legend(
        *rates.get_legend_handles_labels(),
        **{"loc": "upper right", "ncols": 4, "frameon": False, "fontsize": 8.5},
    )
    every = np.concatenate([nearest_offsets(clip.times, clip.onsets) for clip in clips])
    edges = np.arange(-102.5, 103, 5)
    offsets.hist(1000 * every[np.abs(every) <= NEAR_S], edges, color="#c2185b", zorder=3)
    offsets.axvspan(-40, 40, color="#f3d9e4", zorder=1)
    offsets.set_xlabel("ms after the cut", fontsize=8.5, color=QUIET)
    offsets.set_title("Nearest strong onset", fontsize=10, color=INK, loc="left")
    missed = result["rows"]["all"]["missed"]
    losses.barh(list(STAGES), [missed.get(s, 0) for s in STAGES], color="#0072b2", zorder=3)
    losses.invert_yaxis()
    losses.set_xlabel("cuts", fontsize=8.5, color=QUIET)
    losses.set_title("Where missed cuts were lost", fontsize=10, color=INK, loc="left")
    for axes in (rates, offsets, losses):
        axes.set_facecolor(PANEL)
        axes.grid(axis="x" if axes is losses else "y", color=RULE, lw=0.7)
        axes.set_axisbelow(True)
        axes.tick_params(length=0, labelsize=8.5, colors=QUIET)
        for spine in axes.spines.values():
            spine.set_visible(False)
    figure.text(
        *(0.06, 0.955), "Music and cuts", fontsize=14, fontweight="bold", color=INK, va="top"
    )
    return figure


# --------------------------------------------------------------------------------------- Running


def held_out_clips(folder: Path) -> list[Clip]:
    """The clips for montages that the detector of cuts was not tuned on."""
    with tempfile.TemporaryDirectory(prefix="pixmus-sync-") as place:
        for path in sorted(folder.iterdir()):
            if path.is_file() and not is_tuned_on(path.name):
                (Path(place) / path.name).symlink_to(path.absolute())
        return load_clips(place)


def code_sha256() -> str:
    """Hash of the whole package, so that no cached clip outlives a change."""
    package = PACKAGE
    digest = hashlib.sha256()
    for path in sorted([*package.rglob("*.py"), *package.rglob("*.json")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def evaluate(
    cases: Sequence[Case], pipe: PixMusPipeline, videos: Path, num_steps: int, cache: Path
) -> list[Measured]:
    """Every clip measured, from the cache where the same code and model have met it before."""
    cache.mkdir(parents=True, exist_ok=True)
    code = code_sha256()
    loaded: list[Clip] = []

    def clips() -> list[Clip]:
        if not loaded:
            loaded.extend(held_out_clips(videos))
        return loaded

    measured = []
    for case in cases:
        known = json.dumps([code, pipe.model_sha256, num_steps, asdict(case)], sort_keys=True)
        key = hashlib.sha256(known.encode()).hexdigest()[:16]
        path = cache / f"{case.name}-{key}.json"
        if path.is_file():
            clip = Measured(**json.loads(path.read_text(encoding="utf-8")))
        else:
            clip = measure(case, pipe, clips, num_steps)
            with new_file(path) as place:
                place.write_text(json.dumps(asdict(clip)) + "\n", encoding="utf-8")
        rate = hit_rate(clip.times, clip.onsets, TOLERANCES_S[0])
        alone = hit_rate(clip.times, clip.alone, TOLERANCES_S[0])
        print(
            f"{clip.name}: {rate:.2f} of {len(clip.truth)} cuts met, {alone:.2f} without accents",
            flush=True,
        )
        measured.append(clip)
    return measured


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and write `sync.json`, `sync.md` and `sync.png`."""
    parser = argparse.ArgumentParser(description="Strong onsets of the music against true cuts.")
    parser.add_argument("--videos", type=Path, default=Path("../shared/data/video"))
    parser.add_argument("--model", help="model folder; else the one that came along")
    parser.add_argument("--out", type=Path, help="default: docs/results; runs/sync if quick")
    parser.add_argument("--montages", type=int, default=30)
    parser.add_argument("--steps", type=int, default=20, help="inference steps")
    parser.add_argument("--cache", type=Path, default=Path("runs/sync"))
    parser.add_argument(
        "--quick", action="store_true", help="six montages of 15 s, 8 steps: shows that it runs"
    )
    arguments = parser.parse_args(argv)
    if not arguments.videos.is_dir():
        raise PixMusError(f"{arguments.videos} is no folder; name the shared clips with --videos.")
    from pixmus.sound.renderer import find_renderer
    from pixmus.take.figure import save_figure
    from pixmus.take.pipeline import PixMusPipeline

    quick = arguments.quick
    steps = 8 if quick else arguments.steps
    num_montages = min(6, arguments.montages) if quick else arguments.montages
    seconds = 15.0 if quick else MONTAGE_S
    out = arguments.out or Path("runs/sync" if quick else "docs/results")
    pipe = PixMusPipeline.from_pretrained(arguments.model)
    real = real_cases(arguments.videos)[-1 if quick else 0 :]
    cases = montage_cases(num_montages, seconds) + real
    clips = evaluate(cases, pipe, arguments.videos, steps, arguments.cache)
    command = "python -m pixmus.studies.sync" + (" --quick" if quick else "")
    if not quick and num_montages != 30:
        command += f" --montages {num_montages}"
    result: dict[str, Any] = {
        "settings": {
            "command": command,
            "model": pipe.model_sha256,
            "renderer": str(find_renderer()),
            "steps": steps,
            "resamples": NUM_RESAMPLES,
            "montage_s": seconds,
            "real": [case.name for case in real],
        },
        **tabulate(clips),
        "detector": check_detector(),
    }
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(_short(result), indent=1) + "\n"
    (out / "sync.json").write_text(text, encoding="utf-8")
    (out / "sync.md").write_text(to_markdown(result), encoding="utf-8")
    save_figure(plot(result, clips), out / "sync.png")
    print(to_markdown(result))


def _short(value: Any) -> Any:
    """Numbers with four decimals, so that the file can be read."""
    if isinstance(value, dict):
        return {key: _short(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_short(item) for item in value]
    return round(value, 4) if isinstance(value, float) else value


if __name__ == "__main__":
    main()
