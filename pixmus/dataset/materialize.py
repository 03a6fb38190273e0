"""Media made of recipes: films, stills and renditions, the same bytes for the same recipe.

`make_rows` fills a folder: `media/` with the files of every source that the wanted rows need,
`table.csv` with those rows and those of earlier calls, `materialize.jsonl`, a line for each source
that was made or could not be, and `made_with.json`, which says what synth and SoundFont played.
Files appear whole and are kept by later calls; their names carry the recipe's checksum, so a file
of that name is the file of that recipe.

The same bytes come out on the same machine with the same versions of PixMus, its packages, the
synth and the SoundFont, whatever the number of workers; elsewhere they look and sound the same.

Workers are no `pool.Pool`: it guards against files of others, loses what raises and goes on, while
an error here, such as a full disk, ends the run.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray
from PIL import Image

from pixmus.curves import Curve
from pixmus.dataset.looks import FILM_SIZE, FRAME_RATE, STILL_SIZE, still_look
from pixmus.dataset.painting import paint_film, paint_still
from pixmus.dataset.pairing import cut_film, look_of, picture_scores
from pixmus.dataset.pool import Lost, Pool
from pixmus.dataset.recipes import CURVE_TABLES, Recipe, columns_of, read_recipe
from pixmus.dataset.renditions import SOUND_RATE, Window, render
from pixmus.dataset.sheets import write_rows
from pixmus.dataset.table import Row, Table, read_table, row_span
from pixmus.errors import PixMusError
from pixmus.files import disk_told, new_file
from pixmus.picture.frames import read_frames
from pixmus.picture.video import Video, probe
from pixmus.score.curves import CurveTables
from pixmus.sound.soundfont import SoundFontRenderer, soundfont_renderer
from pixmus.sound.synth import FONT_VARIABLE
from pixmus.training.corpus import Piece

MEDIA = "media"
TABLE = "table.csv"
LOG = "materialize.jsonl"
MADE_WITH = "made_with.json"
# With its macroblock tree (and vector instructions) x264 writes other bytes in other processes, by
# what lay in memory before: seen with x264 core 165, one thread, the same planes.
H264_OPTIONS = {
    "preset": "veryfast", "crf": "26", "threads": "1", "g": "75", "x264-params": "mbtree=0",
}  # fmt: skip
JPEG_QUALITY = 88
SILENCE_LIMIT_S = 1800.0  # after which a process that makes a source counts as hung


@dataclass(frozen=True)
class Made:
    """What became of one source."""

    source: str  # the name of its picture, or the number of a row that is no recipe
    status: str  # "done", "kept" or "failed"
    reason: str = ""
    seconds: float = 0.0  # that it took
    motion: tuple[float, ...] = ()  # mean RGB difference of each of its clips; empty for a still


@dataclass(frozen=True)
class Report:
    """What `make_rows` did."""

    made: tuple[Made, ...]
    num_rows: int  # of those asked for, how many stand in the table now
    num_bytes: int  # of the media of the rows asked for
    table: Path

    def of(self, status: str) -> list[Made]:
        """The sources of one status."""
        return [made for made in self.made if made.status == status]

    def told(self) -> str:
        """The report in a line."""
        new, failed = self.of("done"), self.of("failed")
        line = (
            f"{self.table}: {self.num_rows} rows ready, {self.num_bytes / 1e6:.1f} MB; "
            f"{len(new)} sources made, {len(self.of('kept'))} kept, {len(failed)} failed"
        )
        if new:
            line += f"; {sum(made.seconds for made in new) / len(new):.2f} s a source"
        return line + "".join(f"\n{made.source}: {made.reason}" for made in failed)


def make_rows(
    table: Table,
    rows: str,
    pieces: Mapping[str, Piece],
    out: str | Path,
    workers: int = 1,
    on_source: Callable[[Made, int, int], None] | None = None,
    tables: CurveTables | None = None,
) -> Report:
    """Make the media of the rows "A:B" of a table of recipes, each source whole.

    Rows that are no recipes or whose music is missing are told in the report and the log, and the
    rest is made. `on_source` hears of each source, how many there have been, and of how many.
    Raises PixMusError where nothing can go on: no SoundFont, a full disk, a range outside the
    table, a folder that holds a table of something else.
    """
    out = Path(out)
    wanted = row_span(rows, table.num_rows)
    if workers < 1:
        raise PixMusError(f"{workers} workers make nothing; ask for at least one.")
    renderer = soundfont_renderer()
    tables = tables or CurveTables.load(CURVE_TABLES)
    chosen = [row for row in table.rows if row.number in wanted]
    refused = [refusal for refusal in table.refused if refusal.number in wanted]
    if not chosen and not refused:
        raise PixMusError(f"--rows {rows} holds no row of {table.source}.")
    earlier = _earlier_rows(out / TABLE)
    with disk_told(out):
        (out / MEDIA).mkdir(parents=True, exist_ok=True)
        _check_renderer(out / MADE_WITH, renderer)
    made: list[Made] = [
        Made(f"row {refusal.number}", "failed", refusal.reason.rstrip(".")) for refusal in refused
    ]
    recipes: dict[str, Recipe] = {}
    unusable: set[int] = set()
    for row in chosen:
        try:
            recipes.setdefault(row.picture, read_recipe(row))
        except PixMusError as error:
            made.append(Made(f"row {row.number}", "failed", str(error)))
            unusable.add(row.number)
    log = _Log(out / LOG)
    for failed in made:
        log.add(failed)
    jobs = [
        _Job(recipe, pieces.get(recipe.music), str(out / MEDIA), renderer, tables)
        for recipe in recipes.values()
    ]
    for number, one in enumerate(_run(jobs, workers, log.motion), start=1):
        made.append(one)
        log.add(one)
        if on_source is not None:
            on_source(one, number, len(jobs))
    motion = log.motion
    ready = {one.source for one in made if one.status != "failed"}
    num_bytes = sum(
        (out / MEDIA / name).stat().st_size
        for recipe in recipes.values()
        if recipe.picture in ready
        for name in (recipe.picture, recipe.audio)
    )
    done = [row for row in chosen if row.picture in ready and row.number not in unusable]
    with disk_told(out):
        _write_table(table, done, earlier, motion, out / TABLE)
    return Report(tuple(made), len(done), num_bytes, out / TABLE)


def _check_renderer(path: Path, renderer: SoundFontRenderer) -> None:
    """Write down who plays, once; one folder holds the sound of one SoundFont and synth."""
    now = {"synth": renderer.synth, "font": renderer.font.name, "font_sha256": renderer.sha256}
    if not path.is_file():
        with new_file(path) as place:
            place.write_text(json.dumps(now, indent=2) + "\n")
        return
    then = json.loads(path.read_text())
    if then != now:
        raise PixMusError(
            f"{path.parent} was made by {then.get('synth')} with {then.get('font')}, and here "
            f"{renderer} would play on; choose another folder, or set {FONT_VARIABLE}."
        )


# ------------------------------------------------------------------------------------ the sources


@dataclass(frozen=True)
class _Job:
    recipe: Recipe
    piece: Piece | None
    folder: str
    renderer: SoundFontRenderer
    tables: CurveTables


def _run(
    jobs: Sequence[_Job], workers: int, known: Mapping[str, Sequence[float]]
) -> Iterator[Made]:
    """Each job's end, in whatever order; what is there already is not handed out."""
    left: list[_Job] = []
    for job in jobs:
        recipe, folder = job.recipe, Path(job.folder)
        there = all((folder / name).is_file() for name in (recipe.picture, recipe.audio))
        if there and (recipe.kind == "still" or recipe.picture in known):
            yield Made(recipe.picture, "kept", motion=tuple(known.get(recipe.picture, ())))
        else:
            left.append(job)
    if workers == 1 or len(left) < 2:
        for job in left:
            yield make_source(job)
        return
    with Pool(_make_sources, min(workers, len(left)), preload=[__name__]) as pool:
        for job, result in pool.run(([job], SILENCE_LIMIT_S) for job in left):
            if isinstance(result, PixMusError):
                raise result
            if isinstance(result, Lost):
                yield Made(job.recipe.picture, "failed", result.reason)
            else:
                yield result


def _make_sources(
    jobs: Sequence[_Job], beat: Callable[[], object]
) -> Iterator[tuple[_Job, Made | PixMusError]]:
    """What a process does with jobs; an error that ends the run comes back as itself."""
    for job in jobs:
        try:
            yield job, make_source(job)
        except PixMusError as error:
            yield job, error


def make_source(job: _Job) -> Made:
    """Make a source's files unless they are there; what is wrong with its recipe is its reason."""
    started = time.perf_counter()
    recipe, folder = job.recipe, Path(job.folder)
    if job.piece is None:
        return Made(recipe.picture, "failed", f"the music {recipe.music} is missing")
    try:
        window = recipe.window(job.piece)
    except PixMusError as error:
        return Made(recipe.picture, "failed", str(error))
    with disk_told(folder):
        if not (folder / recipe.audio).is_file():
            with new_file(folder / recipe.audio, overwrite=True) as place:
                write_flac(place, render(window, job.tables, recipe.sound, job.renderer))
        if not (folder / recipe.picture).is_file():
            with new_file(folder / recipe.picture, overwrite=True) as place:
                _paint(recipe, window, job.tables, place)
        motion: tuple[float, ...] = ()
        if recipe.kind == "video":
            video = probe(folder / recipe.picture)
            motion = tuple(mean_rgb_differences(video, recipe.clip_seconds, recipe.clips))
    seconds = time.perf_counter() - started
    return Made(recipe.picture, "done", "", round(seconds, 3), motion)


def _paint(recipe: Recipe, window: Window, tables: CurveTables, place: Path) -> None:
    curves = window.curves(tables)
    scores = picture_scores(recipe, curves)
    num_frames = round(recipe.seconds * FRAME_RATE)
    look = look_of(scores, num_frames)
    if recipe.kind == "still":
        image = paint_still(recipe.scene, recipe.seed, still_look(look), STILL_SIZE)
        with disk_told(place):
            Image.fromarray(image).save(place, "JPEG", quality=JPEG_QUALITY, subsampling=0)
        return
    shots, flashes = cut_film(recipe, scores, look, curves[Curve.ENERGY], window.beat_times)
    write_film(place, paint_film(shots, look, FILM_SIZE, flashes))


def write_film(path: Path, frames: Iterable[NDArray[np.uint8]]) -> None:
    """H.264 in mp4 without sound, by one thread and settings that never change."""
    reformatter = VideoReformatter()
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=FRAME_RATE, options=H264_OPTIONS)
        stream.width, stream.height = FILM_SIZE
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, FRAME_RATE)
        stream.codec_context.thread_count = 1
        for number, image in enumerate(frames):
            painted = av.VideoFrame.from_ndarray(image, "rgb24")
            frame = reformatter.reformat(painted, format="yuv420p", threads=1)
            frame.pts, frame.time_base = number, Fraction(1, FRAME_RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def write_flac(path: Path, waveform: NDArray[np.float32]) -> None:
    """16-bit FLAC, mono, at `SOUND_RATE`."""
    import soundfile

    samples = np.clip(np.rint(waveform.astype(np.float64) * 32767), -32768, 32767)
    try:
        soundfile.write(str(path), samples.astype(np.int16), SOUND_RATE, "PCM_16", format="FLAC")
    except (soundfile.LibsndfileError, AssertionError) as error:  # a short write is an assertion
        raise PixMusError(
            f"{path} could not be written; free some disk space or choose another folder."
        ) from error


def mean_rgb_differences(video: Video, clip_seconds: float, clips: int) -> list[float]:
    """Mean absolute RGB difference of consecutive frames, 0..255, of each clip of a video.

    Measured on the frames as the file holds them, at its own size and rate. The step from one
    clip to the next counts for neither.
    """
    sums, counts = np.zeros(clips), np.zeros(clips)
    before: NDArray[np.int16] | None = None
    last = -1
    for frame in read_frames(video, max_width=max(video.width, video.height)):
        clip = min(int(frame.time / clip_seconds + 1e-6), clips - 1)
        image = frame.image.astype(np.int16)
        if before is not None and clip == last:
            sums[clip] += np.abs(image - before).mean()
            counts[clip] += 1
        before, last = image, clip
    return [round(float(total), 3) for total in sums / np.maximum(counts, 1)]


# ------------------------------------------------------------------------------ the log, the table


class _Log:
    """A line for every source; the lines of earlier calls say how much the films moved."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.motion: dict[str, list[float]] = {}
        if path.is_file():
            for line in path.read_text().splitlines():
                try:
                    entry = json.loads(line)
                except json.JSONDecodeError:  # the last line of a run that was killed
                    continue
                if entry.get("status") == "done" and entry.get("motion"):
                    self.motion[entry["source"]] = entry["motion"]

    def add(self, made: Made) -> None:
        if made.status == "kept":
            return
        if made.motion:
            self.motion[made.source] = list(made.motion)
        entry = {"source": made.source, "status": made.status, "seconds": made.seconds}
        if made.reason:
            entry["reason"] = made.reason
        if made.motion:
            entry["motion"] = list(made.motion)
        with disk_told(self.path), open(self.path, "a") as file:
            file.write(json.dumps(entry) + "\n")


def _key(row: Row) -> tuple[str, float]:
    return row.picture, row.audio_start


def _earlier_rows(path: Path) -> list[Row]:
    if not path.exists():
        return []
    rows = list(read_table(path).rows)
    for row in rows:
        try:
            read_recipe(row)
        except PixMusError as error:
            raise PixMusError(
                f"{path} is no table of materialised recipes ({error}); choose another folder."
            ) from error
    return rows


def _write_table(
    table: Table,
    done: Sequence[Row],
    earlier: Sequence[Row],
    motion: Mapping[str, Sequence[float]],
    path: Path,
) -> None:
    """The rows of this and of earlier calls, in the order of the table they come from."""
    place = {_key(row): row.number for row in table.rows}
    rows = {_key(row): row for row in (*earlier, *done)}
    ordered = sorted(rows.values(), key=lambda row: place.get(_key(row), len(place) + row.number))
    measured = []
    for row in ordered:
        moved: float | None = 0.0
        if row.kind == "video":
            clip = round(row.start / (row.end - row.start))
            moved = motion[row.picture][clip] if row.picture in motion else row.motion
        measured.append(replace(row, motion=moved))
    if measured:
        write_rows(columns_of(measured), path, overwrite=True)
