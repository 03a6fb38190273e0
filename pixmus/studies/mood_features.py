"""What of the notes tells the mood that people hear in a score."""

from __future__ import annotations

import numpy as np

from pixmus.ensembles import Part
from pixmus.score.key_finding import key_correlations
from pixmus.score.notes import Score

KEY_WINDOW_S, KEY_HOP_S = 8.0, 4.0
SNAPSHOT_S = 0.2  # what sounds together is looked at this often
TOGETHER_S = 0.03  # onsets this close are one chord
INTERVAL_CLASSES = ("minor_second", "major_second", "minor_third", "major_third", "fourth",
                    "tritone")  # fmt: skip
TRIADS = {"major": (0, 4, 7), "minor": (0, 3, 7), "diminished": (0, 3, 6)}

# Every feature and its definition. Weights are durations; the top line is the highest note of every
# chord (onsets within 30 ms); a snapshot is what sounds at an instant.
FEATURES: dict[str, str] = {
    "majorness": "best major minus best minor key correlation (Krumhansl & Kessler 1982)",
    "key_clarity": "best key correlation",
    "local_majorness": "mean of majorness over windows of 8 s, one every 4 s",
    "major_share": "share of those windows that are nearer to major",
    "local_clarity": "mean key correlation of those windows",
    "key_changes": "share of neighbouring windows with another best key",
    "pitch_class_entropy": "bits, of the pitch classes' weights",
    "chromatic": "share of weight outside the seven strongest pitch classes",
    "off_scale": "share of weight outside the key's scale (natural minor)",
    "log_density": "log of notes a second",
    "log_onset_rate": "log of chords a second",
    "log_tempo": "log of the median tempo, beats a minute",
    "mean_pitch": "weighted mean pitch",
    "pitch_deviation": "weighted standard deviation of pitch",
    "low": "share of weight below pitch 48",
    "high": "share of weight from pitch 72",
    "voices": "mean notes in a snapshot that is not silent",
    "silence": "share of silent snapshots",
    "top": "mean highest pitch of a snapshot",
    "bottom": "mean lowest pitch of a snapshot",
    "spread": "mean of highest minus lowest pitch of a snapshot",
    **{
        f"{name}s": f"share of {name.replace('_', ' ')}s among the interval classes in snapshots"
        for name in INTERVAL_CLASSES
    },
    **{f"{name}_triads": f"share of snapshots that hold a {name} triad" for name in TRIADS},
    "log_length": "median log of note lengths in seconds",
    "short": "share of notes below 0.2 s",
    "long": "share of notes above 1 s",
    "articulation": "mean length over the time to the next chord, at most 4",
    "log_gap": "log of the median time between chords",
    "gap_deviation": "standard deviation of the log of those times",
    "chord_size": "notes per chord",
    "leaps": "share of moves of the top line above 4 semitones",
    "repeats": "share of moves of the top line that repeat a pitch",
    "steps": "share of moves of the top line of 1 or 2 semitones",
    "semitones": "share of moves of the top line of 1 semitone",
}
SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}


def mood_features(score: Score, start: float = 0.0, end: float = float("inf")) -> np.ndarray:
    """All of `FEATURES` in their order, float64; NaN everywhere with fewer than eight notes.

    Of the pitched parts' notes that begin between `start` and `end`; `log_tempo` is that stretch's.
    """
    tempo_map = score.tempo_map
    notes = [note for part, notes in score.parts.items() if part != Part.DRUMS for note in notes]
    onsets = np.asarray(tempo_map.to_seconds(np.array([note.onset for note in notes])))
    ends = tempo_map.to_seconds(np.array([note.onset + note.duration for note in notes]))
    pitches = np.array([note.pitch for note in notes], int)
    inside = (onsets >= start) & (onsets < end)
    if inside.sum() < 8:
        return np.full(len(FEATURES), np.nan)
    onsets, ends, pitches = onsets[inside], np.minimum(ends[inside], end), pitches[inside]
    order = np.lexsort((pitches, onsets))
    onsets, ends, pitches = onsets[order], ends[order], pitches[order]
    ends = np.maximum(ends, onsets + 1e-3)
    beats = np.diff(tempo_map.beat_times)
    played = (tempo_map.beat_times[:-1] < ends.max()) & (tempo_map.beat_times[1:] > onsets[0])
    values = {"log_tempo": float(np.log(60 / np.median(beats[played] if played.any() else beats)))}
    values |= _tonality(onsets, ends, pitches)
    values |= _snapshots(onsets, ends, pitches)
    values |= _rhythm_and_line(onsets, ends, pitches)
    return np.array([values[name] for name in FEATURES])


def _tonality(onsets: np.ndarray, ends: np.ndarray, pitches: np.ndarray) -> dict[str, float]:
    """Key, scale and register, weighted by durations."""
    lengths = ends - onsets
    weights = np.bincount(pitches % 12, weights=lengths, minlength=12)
    weights = weights / weights.sum()
    correlations = key_correlations(weights)
    key = int(correlations.argmax())
    scale = [(key + degree) % 12 for degree in SCALES["major" if key < 12 else "minor"]]
    local = []
    for begin in np.arange(onsets[0], ends.max(), KEY_HOP_S):
        sounding = np.minimum(ends, begin + KEY_WINDOW_S) - np.maximum(onsets, begin)
        window = np.bincount(pitches % 12, weights=np.maximum(sounding, 0), minlength=12)
        if window.sum() > 0:
            local.append(key_correlations(window))
    keys = np.array(local)  # (windows, 24)
    local_majorness = keys[:, :12].max(1) - keys[:, 12:].max(1)
    best = keys.argmax(1)
    heard = weights[weights > 0]
    mean_pitch = float(np.average(pitches, weights=lengths))
    return {
        "majorness": float(correlations[:12].max() - correlations[12:].max()),
        "key_clarity": float(correlations.max()),
        "local_majorness": float(local_majorness.mean()),
        "major_share": float((local_majorness > 0).mean()),
        "local_clarity": float(keys.max(1).mean()),
        "key_changes": float((best[1:] != best[:-1]).mean()) if len(best) > 1 else 0.0,
        "pitch_class_entropy": float(-(heard * np.log2(heard)).sum()),
        "chromatic": float(np.sort(weights)[:5].sum()),
        "off_scale": float(1 - weights[scale].sum()),
        "mean_pitch": mean_pitch,
        "pitch_deviation": float(np.average((pitches - mean_pitch) ** 2, weights=lengths) ** 0.5),
        "low": float(lengths[pitches < 48].sum() / lengths.sum()),
        "high": float(lengths[pitches >= 72].sum() / lengths.sum()),
    }


def _snapshots(onsets: np.ndarray, ends: np.ndarray, pitches: np.ndarray) -> dict[str, float]:
    """Voices, spacing, intervals and triads that sound together."""
    first = np.ceil((onsets - onsets[0]) / SNAPSHOT_S).astype(int)
    last = np.ceil((ends - onsets[0]) / SNAPSHOT_S).astype(int)
    changes = np.zeros((int(last.max()) + 1, 128), np.int32)
    np.add.at(changes, (first, pitches), 1)
    np.add.at(changes, (last, pitches), -1)
    roll = changes.cumsum(0)[:-1] > 0  # (snapshots, pitches)
    heard = roll.any(1)
    silence = float(1 - heard.mean())
    roll = roll[heard]
    top, bottom = 127 - roll[:, ::-1].argmax(1), roll.argmax(1)
    classes = np.stack([roll[:, pitch_class::12].any(1) for pitch_class in range(12)], axis=1)
    intervals = np.array(
        [(classes & np.roll(classes, -size, axis=1)).sum() for size in range(1, 7)], float
    )
    intervals[5] /= 2  # a tritone is found from both of its ends
    intervals /= max(1.0, intervals.sum())
    values = {
        "voices": float(roll.sum(1).mean()),
        "silence": silence,
        "top": float(top.mean()),
        "bottom": float(bottom.mean()),
        "spread": float((top - bottom).mean()),
    }
    values |= {f"{n}s": float(v) for n, v in zip(INTERVAL_CLASSES, intervals, strict=True)}
    for name, tones in TRIADS.items():
        held = np.all([np.roll(classes, -tone, axis=1) for tone in tones], axis=0)
        values[f"{name}_triads"] = float(held.any(1).mean())
    return values


def _rhythm_and_line(onsets: np.ndarray, ends: np.ndarray, pitches: np.ndarray) -> dict[str, float]:
    """Density, lengths, chords and the moves of the top line."""
    lengths = ends - onsets
    seconds = float(ends.max() - onsets[0])
    starts_chord = np.append(True, np.diff(onsets) > TOGETHER_S)
    chord = np.cumsum(starts_chord) - 1  # of each note
    times = onsets[starts_chord]
    top = np.maximum.reduceat(pitches, np.flatnonzero(starts_chord))
    moves = np.abs(np.diff(top)) if len(top) > 1 else np.zeros(1)
    gaps = np.log(np.clip(np.diff(times), TOGETHER_S, 4.0)) if len(times) > 1 else np.zeros(1)
    until_next = np.append(times[1:], ends.max())[chord] - onsets
    return {
        "log_density": float(np.log(len(onsets) / seconds)),
        "log_onset_rate": float(np.log(len(times) / seconds)),
        "log_length": float(np.median(np.log(lengths))),
        "short": float((lengths < 0.2).mean()),
        "long": float((lengths > 1.0).mean()),
        "articulation": float(np.clip(lengths / np.maximum(until_next, TOGETHER_S), 0, 4).mean()),
        "log_gap": float(np.median(gaps)),
        "gap_deviation": float(gaps.std()),
        "chord_size": len(onsets) / len(times),
        "leaps": float((moves > 4).mean()),
        "repeats": float((moves == 0).mean()),
        "steps": float(((moves > 0) & (moves < 3)).mean()),
        "semitones": float((moves == 1).mean()),
    }
