"""What the page shows without running anything: examples with their results, tables, the card.

An example is `examples/NAME.mp4` (or a still image) with `examples/NAME.json` (title, intent,
which frame stands for it, and of a film of others the credit) and the folder
`examples/outputs/NAME/` that `Soundtrack.save` wrote. Whatever is missing is left out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from pixmus.doors.page.again import python_lines, shell_line
from pixmus.files import shipped

EXAMPLES = shipped("examples")
RESULTS = shipped("docs/results")
STILL_ENDINGS = (".jpg", ".jpeg", ".png")
CLIP_ENDINGS = (".mp4", ".mov", ".mkv", ".webm", *STILL_ENDINGS)
# The order in which a reader asks: does it hit the cuts, does it sound like music, how fast is it.
RESULTS_IN_ORDER = ("sync", "score-model", "encoder", "bench", "compare", "placement", "spotting")


@dataclass(frozen=True)
class Credit:
    """Whose a picture is, as its licence wants it said wherever it is shown."""

    work: str
    by: str
    licence: str
    terms: str  # the address of the licence
    changed: str = ""  # what was done to it

    @classmethod
    def read(cls, facts: object) -> Credit | None:
        """The `credit` of an example's JSON; None where there is none or it says too little."""
        if not isinstance(facts, dict):
            return None
        told = {name: str(facts.get(name) or "") for name in cls.__dataclass_fields__}
        return cls(**told) if all(told[name] for name in ("work", "by", "licence")) else None


@dataclass(frozen=True)
class Example:
    """A clip of our own, or an open one, with its finished result."""

    name: str
    clip: Path
    title: str
    intent: str
    outputs: Path  # the folder; files in it may be missing
    credit: Credit | None = None  # of a clip that is not our own
    poster_at: float | None = None  # seconds, of the frame that stands for it; None: unknown

    @property
    def scored(self) -> Path:
        """The clip with its soundtrack."""
        return self.outputs / "scored.mp4"

    @property
    def is_still(self) -> bool:
        """Whether it is a picture that stands for a clip."""
        return self.clip.suffix.lower() in STILL_ENDINGS

    def pictures(self) -> dict[str, Path]:
        """The pictures that are there, by name."""
        paths = {
            name: self.outputs / f"{name}.png" for name in ("spectrogram", "pianoroll", "cues")
        }
        return {name: path for name, path in paths.items() if path.is_file()}

    def take(self) -> dict[str, object]:
        """What `take.json` says, {} where it is missing or unreadable."""
        return _facts(self.outputs / "take.json")

    def sight(self) -> str:
        """What was seen in its picture, "seen: a, b"; "" where nothing was or it is unknown."""
        reasons = _facts(self.outputs / "cues.json").get("reasons")
        return str(reasons.get("sight") or "") if isinstance(reasons, dict) else ""

    def settings(self) -> dict[str, object]:
        """What its soundtrack was asked for, {} where that is unknown."""
        found = self.take().get("settings")
        return found if isinstance(found, dict) else {}

    def lines(self) -> tuple[str, str]:
        """The line of shell and the lines of Python that make it again; "" where unknown."""
        settings, clip = self.settings(), f"examples/{self.clip.name}"
        if not settings:
            return "", ""
        settings = {**settings, "clip": clip}
        try:
            return shell_line(settings, clip), python_lines(settings, clip)
        except (KeyError, TypeError):  # of another version
            return "", ""


def find_examples(folder: Path = EXAMPLES) -> list[Example]:
    """The examples that have a finished result, by name."""
    examples = []
    for clip in sorted(folder.glob("*")):
        if clip.suffix.lower() not in CLIP_ENDINGS:
            continue
        facts = _facts(clip.with_suffix(".json"))
        example = Example(
            clip.stem,
            clip,
            str(facts.get("title") or clip.stem.replace("-", " ").replace("_", " ").capitalize()),
            str(facts.get("intent") or ""),
            folder / "outputs" / clip.stem,
            Credit.read(facts.get("credit")),
            _seconds(facts.get("poster")),
        )
        if example.scored.is_file():
            examples.append(example)
    return examples


def _seconds(told: object) -> float | None:
    is_time = isinstance(told, (int, float)) and not isinstance(told, bool) and told >= 0
    return float(told) if is_time else None  # type: ignore[arg-type]


def _facts(path: Path) -> dict[str, object]:
    """What a JSON file says, {} where it is missing or unreadable."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


@dataclass(frozen=True)
class ResultTable:
    """One of the tables that an evaluation wrote, with its pictures."""

    title: str
    markdown: str
    pictures: tuple[Path, ...]


def find_results(folder: Path = RESULTS) -> list[ResultTable]:
    """The tables of `docs/results`, the most asked for first."""
    paths = {path.stem: path for path in sorted(folder.glob("*.md"))}
    names = [name for name in RESULTS_IN_ORDER if name in paths]
    names += [name for name in paths if name not in names]
    tables = []
    for name in names:
        text = paths[name].read_text(encoding="utf-8")
        first = text.lstrip().splitlines()[0] if text.strip() else ""
        title = first.lstrip("# ") if first.startswith("#") else name.replace("-", " ").capitalize()
        pictures = tuple(sorted(folder.glob(f"{name}*.png")))
        tables.append(ResultTable(title, _without_pictures(text), pictures))
    return tables


def model_card(folder: Path) -> str:
    """The model card without its front matter, or a sentence that says it is missing."""
    try:
        text = (folder / "README.md").read_text(encoding="utf-8")
    except OSError:
        return "This model folder has no card."
    if text.startswith("---"):
        text = text.split("---", 2)[-1]
    return _without_pictures(text)


def _without_pictures(text: str) -> str:
    """The page shows the pictures itself; links to files beside the text would lead nowhere."""
    return "\n".join(line for line in text.splitlines() if not line.startswith("!["))
