"""The report and the slides: templates filled with what the commands measured, as HTML and PDF.

    pixmus evaluate report        # make report

`docs/report/report.md` and `docs/slides/slides.md` are Jinja2 templates of Markdown. What they may
use: `results` (docs/results/NAME.json), `examples` (an example's settings, cue sheet and take),
`constant` (a number of the code), `table` (a Markdown table of docs/results/NAME.md), `figure`,
`frames` (pictures of a clip at given seconds). A key that a file does not hold ends the build with
a sentence that names file and key, so no number can be out of date without being noticed.

Pages are printed by Chromium. Times are seconds, widths are pixels, lengths of files are bytes.
"""

from __future__ import annotations

import argparse
import base64
import html
import importlib
import io
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
from markdown_it import MarkdownIt
from PIL import Image

from pixmus.errors import PixMusError
from pixmus.files import REPOSITORY
from pixmus.studies.runner import Result, Run, Study
from pixmus.studies.tables import fill

DOCUMENTS = {"report": Path("docs/report/report.md"), "slides": Path("docs/slides/slides.md")}
REFERENCES = Path("docs/report/references.json")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-dev-shm-usage",
    "--no-pdf-header-footer",
    "--generate-pdf-document-outline",
)
PRINT_SECONDS = 180
NUM_COLOURS = 64  # of plots, which are flat areas and lines
JPEG_QUALITY = 80


class Measured:
    """A part of a file that a command wrote; asking for a key that is not there ends the build."""

    def __init__(self, value: Any, file: str, keys: tuple[str, ...] = ()) -> None:
        self._value, self._file, self._keys = value, file, keys

    def __getitem__(self, key: Any) -> Any:
        try:
            value = self._value[key]
        except (KeyError, IndexError, TypeError):
            wanted = " / ".join((*self._keys, str(key)))
            raise PixMusError(
                f"{self._file} holds no {wanted!r}, which the text asks for; write the file anew "
                "with its command, or change the text."
            ) from None
        return self._wrap(key, value)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    def __iter__(self) -> Iterator[Any]:
        """The entries of a list, the (name, entry) pairs of a dictionary."""
        if isinstance(self._value, dict):
            return iter([(key, self[key]) for key in self._value])
        return iter([self[index] for index in range(len(self._value))])

    def __len__(self) -> int:
        return len(self._value)

    def __contains__(self, key: object) -> bool:
        return key in self._value

    def _wrap(self, key: Any, value: Any) -> Any:
        if isinstance(value, dict | list):
            return Measured(value, self._file, (*self._keys, str(key)))
        return value


class Files:
    """JSON files of a folder by name, read when they are asked for."""

    def __init__(self, folder: Path, root: Path) -> None:
        self._folder, self._root = folder, root

    def __getitem__(self, name: str) -> Measured:
        path = self._folder / f"{name}.json"
        shown = str(path.relative_to(self._root))
        if not path.is_file():
            raise PixMusError(f"{shown} is missing, which the text asks for; make it first.")
        return Measured(json.loads(path.read_text(encoding="utf-8")), shown)

    def __getattr__(self, name: str) -> Measured:
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]


def constant(path: str) -> Any:
    """A value of the code by its path, such as `pixmus.score.lattice.MAX_BEND`."""
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        raise PixMusError(f"the code holds no {path}, which the text asks for.") from None


def markdown_table(text: str, index: int, file: str) -> str:
    """The table number `index` (from 0) of a Markdown text, as it stands there."""
    tables = re.findall(r"(?:^\|.*\|[ \t]*\n?)+", text, re.MULTILINE)
    if not 0 <= index < len(tables):
        raise PixMusError(f"{file} holds no table {index}, which the text asks for; make it anew.")
    return str(tables[index]).strip()


def data_uri(picture: Image.Image, width: int, kind: str) -> str:
    """A picture no wider than `width` pixels as a `data:` address; `kind` is "plot" or "photo"."""
    picture = picture.convert("RGB")
    if picture.width > width:
        height = round(picture.height * width / picture.width)
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    if kind == "plot":
        flat = picture.quantize(NUM_COLOURS, dither=Image.Dither.NONE)
        flat.save(buffer, "PNG", optimize=True)
        name = "png"
    else:
        picture.save(buffer, "JPEG", quality=JPEG_QUALITY, optimize=True, progressive=True)
        name = "jpeg"
    return f"data:image/{name};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def clip_frames(path: Path, seconds: Sequence[float]) -> list[Image.Image]:
    """The frames that are shown at these seconds of a clip."""
    wanted = sorted(seconds)
    found: dict[float, Image.Image] = {}
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            while wanted and frame.time is not None and frame.time >= wanted[0] - 1e-6:
                found[wanted.pop(0)] = frame.to_image()  # type: ignore[no-untyped-call]
            if not wanted:
                break
    if wanted:
        raise PixMusError(f"{path.name} has no frame at {wanted[0]:g} s, which the text asks for.")
    return [found[second] for second in seconds]


@dataclass
class Figure:
    """A numbered picture or table, where it comes from, and what makes it again."""

    kind: str
    number: int
    caption: str
    source: str
    command: str


@dataclass
class Builder:
    """What the templates may call; keeps count of figures and tables."""

    root: Path = REPOSITORY
    figures: list[Figure] = field(default_factory=list)

    def names(self) -> dict[str, Any]:
        """Everything a template may use, by name."""
        return {
            "results": Files(self.root / "docs" / "results", self.root),
            "example": self.example,
            "file": self.file,
            "exists": lambda path: (self.root / path).is_file(),
            "constant": constant,
            "table": self.table,
            "caption": self.caption,
            "figure": self.figure,
            "picture": self.picture,
            "frames": self.frames,
            "later": lambda seconds, by: [second + by for second in seconds],
            "sources": self.sources,
            "cite": self.cite,
            "references": self.references,
        }

    def _references(self) -> dict[str, str]:
        """What is cited, by key, in the order of its numbers."""
        found: dict[str, str] = json.loads((self.root / REFERENCES).read_text(encoding="utf-8"))
        return found

    def cite(self, *keys: str) -> str:
        """The numbers of some references in brackets, each a link to its line."""
        known = list(self._references())
        for key in keys:
            if key not in known:
                raise PixMusError(f"{REFERENCES} holds no {key!r}, which the text cites.")
        links = (f'<a href="#ref-{key}">{known.index(key) + 1}</a>' for key in keys)
        return f'<span class="cite">[{", ".join(links)}]</span>'

    def references(self) -> str:
        """The numbered list of what is cited."""
        lines = (f'1. <a id="ref-{key}"></a>{text}' for key, text in self._references().items())
        return "\n".join(lines)

    def file(self, path: str) -> Measured:
        """Any JSON file of the repository."""
        file = self.root / path
        return Files(file.parent, self.root)[file.stem]

    def example(self, name: str) -> dict[str, Measured]:
        """An example's `settings`, `cues` and `take`."""
        outputs = Files(self.root / "examples" / "outputs" / name, self.root)
        settings = Files(self.root / "examples", self.root)[name]
        return {"settings": settings, "cues": outputs["cues"], "take": outputs["take"]}

    def _count(self, kind: str, caption: str, source: str, command: str) -> Figure:
        number = 1 + sum(figure.kind == kind for figure in self.figures)
        self.figures.append(Figure(kind, number, _plain(caption), source, command))
        return self.figures[-1]

    def caption(self, text: str, source: str, command: str) -> str:
        """The numbered heading of a table that the template writes itself."""
        made = self._count("Table", text, source, command)
        return f'<p class="caption"><b>Table {made.number}.</b> {text}</p>\n'

    def table(self, name: str, index: int, caption: str, command: str) -> str:
        """Table `index` of docs/results/NAME.md, numbered."""
        path = self.root / "docs" / "results" / f"{name}.md"
        shown = str(path.relative_to(self.root))
        if not path.is_file():
            raise PixMusError(f"{shown} is missing, which the text asks for; make it first.")
        text = markdown_table(path.read_text(encoding="utf-8"), index, shown)
        heading = self.caption(caption, shown, command)
        return f'{heading}\n<div class="values">\n\n{text}\n\n</div>\n'

    def picture(self, path: str, width: int = 1300, kind: str = "plot", alt: str = "") -> str:
        """An `<img>` with the picture inside it."""
        file = self.root / path
        if not file.is_file():
            raise PixMusError(f"{path} is missing, which the text asks for; make it first.")
        with Image.open(file) as image:
            address = data_uri(image, width, kind)
        return f'<img src="{address}" alt="{html.escape(alt or path)}">'

    def frames(self, clip: str, seconds: Sequence[float], width: int = 360) -> str:
        """Frames of a clip, beside each other."""
        pictures = clip_frames(self.root / clip, seconds)
        images = "".join(
            f'<img src="{data_uri(picture, width, "photo")}" alt="{clip} at {second:g} s">'
            for picture, second in zip(pictures, seconds, strict=True)
        )
        return f'<div class="strip">{images}</div>'

    def figure(self, content: str, caption: str, source: str, command: str, kind: str = "") -> str:
        """A numbered figure around what `picture` or `frames` gave."""
        made = self._count("Figure", caption, source, command)
        return (
            f'<figure class="{kind}">{content}<figcaption><b>Figure {made.number}.</b> {caption}'
            "</figcaption></figure>\n"
        )

    def sources(self) -> str:
        """A table of every figure and table so far: what it is read from, and its command."""
        rows = [
            f"| {figure.kind} {figure.number} | `{figure.source}` | `{figure.command}` |"
            for figure in self.figures
        ]
        return "\n".join(["| what | read from | made by |", "|---|---|---|", *rows])


def _plain(text: str) -> str:
    return re.sub(r"<[^>]+>", "", text)


def to_html(text: str) -> str:
    """Markdown with tables and HTML inside it, as HTML; headings get addresses."""
    rendered = str(MarkdownIt("commonmark", {"html": True}).enable("table").render(text))

    def with_address(match: re.Match[str]) -> str:
        level, title = match.group(1), match.group(2)
        address = re.sub(r"[^a-z0-9]+", "-", _plain(title).lower()).strip("-")
        return f'<h{level} id="{address}">{title}</h{level}>'

    return re.sub(r"<h([1-4])>(.*?)</h\1>", with_address, rendered)


def contents(body: str) -> str:
    """A list of the second headings, with their addresses."""
    entries = re.findall(r'<h2 id="([^"]+)">(.*?)</h2>', body)
    items = "".join(f'<li><a href="#{address}">{title}</a></li>' for address, title in entries)
    return f'<nav class="contents"><ol>{items}</ol></nav>'


def page(title: str, style: str, body: str) -> str:
    """A whole HTML page that needs nothing but itself."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>\n{style}\n</style></head>\n"
        f"<body>\n{body}\n</body></html>\n"
    )


def report_page(template: str, style: str, builder: Builder) -> str:
    """The report as one page: the line `[contents]` becomes the list of its sections."""
    body = to_html(fill(template, "report.md", builder.names()))
    return page("PixMus: the report", style, body.replace("<p>[contents]</p>", contents(body)))


def slides_page(template: str, style: str, builder: Builder) -> str:
    """The slides as one page, a section each; lines of `---` stand between them."""
    slides = re.split(r"^---$", fill(template, "slides.md", builder.names()), flags=re.MULTILINE)
    sections = []
    for number, slide in enumerate(slides, 1):
        kind = re.match(r"\s*<!-- (\w[\w ]*) -->", slide)
        name = kind.group(1) if kind else ""
        foot = f"<footer><span>PixMus</span><span>{number} / {len(slides)}</span></footer>"
        sections.append(f'<section class="{name}">{to_html(slide)}{foot}</section>')
    return page("PixMus: slides", style, "\n".join(sections))


PAGES: dict[str, Callable[[str, str, Builder], str]] = {
    "report": report_page,
    "slides": slides_page,
}


def print_pdf(page_path: Path, pdf_path: Path) -> None:
    """Print an HTML file by Chromium; the PDF appears whole or not at all."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise PixMusError(
            f"{page_path.name} is written, but there is no Chromium to print {pdf_path.name} with; "
            "install it with: sudo apt-get install chromium"
        )
    with tempfile.TemporaryDirectory() as folder:
        printed = Path(folder) / "printed.pdf"
        command = [chromium, *FLAGS, f"--user-data-dir={folder}/profile"]
        command += [f"--print-to-pdf={printed}", page_path.resolve().as_uri()]
        try:
            run = subprocess.run(command, capture_output=True, timeout=PRINT_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise PixMusError(
                f"Chromium did not print {pdf_path.name} within {PRINT_SECONDS} s; try again."
            ) from None
        if not printed.is_file():
            last = run.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise PixMusError(f"Chromium could not print {pdf_path.name}: {' '.join(last)}")
        shutil.copyfile(printed, pdf_path)


def build(name: str, root: Path = REPOSITORY, pdf: bool = True) -> list[Path]:
    """Write NAME.html and NAME.pdf beside their template and return both paths."""
    template = root / DOCUMENTS[name]
    style = template.with_suffix(".css").read_text(encoding="utf-8")
    text = PAGES[name](template.read_text(encoding="utf-8"), style, Builder(root))
    written = [template.with_suffix(".html")]
    written[0].write_text(text, encoding="utf-8")
    if pdf:
        written.append(template.with_suffix(".pdf"))
        print_pdf(*written)
    return written


def measure(run: Run) -> Result:
    """Build the report and the slides; which files there are now, and their bytes."""
    written = []
    for name in run.arguments.names or DOCUMENTS:
        if name not in DOCUMENTS:
            raise PixMusError(f"there is no document {name!r}; there are: {', '.join(DOCUMENTS)}.")
        written += build(name, pdf=not run.arguments.html_only)
    return {
        "files": {str(path.relative_to(REPOSITORY)): path.stat().st_size for path in written},
    }


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the study may be told."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="report, slides; both without")
    parser.add_argument("--html-only", action="store_true", help="print no PDF")


STUDY = Study(
    "report", "The report and the slides from what is stored.", measure, arguments, out=None
)
