"""The report of an `Inspection`: `inspection.json`, `inspection.md` and `inspection.png`."""

from __future__ import annotations

import json
from pathlib import Path

from pixmus.dataset.inspection import DEFINITIONS, Inspection
from pixmus.dataset.inspection_plot import plot_inspection
from pixmus.errors import PixMusError
from pixmus.files import check_new_file, new_file
from pixmus.training.prose import fill
from pixmus.training.splits import KINDS

TEMPLATE = Path(__file__).parent / "templates" / "inspection.md.j2"


def to_markdown(inspection: Inspection) -> str:
    """The report as a person reads it."""
    return fill(
        TEMPLATE,
        found=inspection,
        kinds=KINDS,
        empty={name: count for name, count in inspection.missing.items() if count},
        definitions=DEFINITIONS,
    )


def write_inspection(inspection: Inspection, folder: Path, overwrite: bool = False) -> list[Path]:
    """Write `inspection.json`, `.md` and `.png` to a folder, which is made; return their paths."""
    from pixmus.take.figure import save_figure

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise PixMusError(f"{folder} cannot be made into a folder; name another one.") from error
    paths = [folder / f"inspection.{suffix}" for suffix in ("json", "md", "png")]
    for path in paths:
        check_new_file(path, overwrite)
    with new_file(paths[0], overwrite) as place:
        text = json.dumps(inspection.to_dict(), indent=1, ensure_ascii=False)
        place.write_text(text + "\n", encoding="utf-8")
    with new_file(paths[1], overwrite) as place:
        picture = "![What the table holds](inspection.png)\n"
        place.write_text(to_markdown(inspection) + "\n" + picture, encoding="utf-8")
    with new_file(paths[2], overwrite) as place:
        save_figure(plot_inspection(inspection), place)
    return paths
