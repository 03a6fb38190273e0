"""What strangers may bring: inputs damaged at random, files made to harm, and a crowd on the page.

    pixmus evaluate trust [--only fuzz hostile soak]

Each section is measured by itself (`make fuzz`, `make soak`) and kept beside the others.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from functools import partial
from pathlib import Path

from pixmus.choices import STILL_DURATION_S
from pixmus.doors.page.decoding import watch_apart
from pixmus.studies.fuzz import SHARES, grounds, outcome, read_score, read_sheet, tally
from pixmus.studies.machine import machine
from pixmus.studies.runner import Result, Run, Study
from pixmus.studies.soak import is_clean, soak

HOSTILE = Path("../shared/cases/hostile")
LONGEST_S = 180.0  # seconds of a clip, as on the page
PART = 100  # cases between two lines on how far it is
READS = {".json": read_sheet, ".mid": read_score}


def fuzz(run: Run) -> Result:
    """So many cases, by kind and outcome."""
    begun = time.process_time()
    counts: dict[str, Counter[str]] = {}
    faults: list[str] = []
    first, last = run.arguments.first, run.arguments.first + run.arguments.cases
    with tempfile.TemporaryDirectory(prefix="pixmus-fuzz-") as folder:
        ground = grounds(Path(folder))
        for start in range(first, last, PART):
            found, wrong = tally(ground, range(start, min(start + PART, last)))
            for kind, counted in found.items():
                counts.setdefault(kind, Counter()).update(counted)
            faults += wrong
            run.tell(f"{start}: {len(faults)} faults")
            for fault in wrong:
                run.tell(fault)
    return {
        "first": first,
        "cases": run.arguments.cases,
        "kinds": {kind: dict(counts[kind]) for kind in ("media", *SHARES) if kind in counts},
        "faults": faults,
        "processor_s": round(time.process_time() - begun),
        "machine": machine(),
    }


def watch_on_page(path: Path) -> None:
    """A clip is watched as the page does it: apart, within its limits."""
    watch_apart(path, still_duration=STILL_DURATION_S, longest=LONGEST_S)


def hostile(run: Run) -> Result:
    """Every file of a folder of files that once ended badly."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="pixmus-hostile-") as folder:
        for path in sorted(run.arguments.hostile.glob("*")):
            case = Path(folder) / path.name
            case.write_bytes(path.read_bytes())
            begun = time.monotonic()
            found = outcome(partial(READS.get(case.suffix, watch_on_page), case))
            spent = time.monotonic() - begun
            rows.append({"file": path.name, "outcome": found, "seconds": round(spent, 1)})
            run.tell(f"{path.name}: {found}")
    return {"rows": rows}


def measure(run: Run) -> Result:
    """The sections that are asked for."""
    return run.sections(
        {},
        {
            "fuzz": lambda: fuzz(run),
            "hostile": lambda: hostile(run),
            "soak": lambda: soak(run.arguments.visits, run.arguments.minutes, run.tell),
        },
    )


def passes(result: Result) -> bool:
    """Whether all that was measured is clean."""
    fuzzed, tried, soaked = (result.get(name) for name in ("fuzz", "hostile", "soak"))
    return (
        not (fuzzed and fuzzed["faults"])
        and all(row["outcome"] in ("right", "refused") for row in (tried or {"rows": []})["rows"])
        and not (soaked and not is_clean(soaked))
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the study may be told."""
    parser.add_argument("--cases", type=int, default=5000, help="of inputs damaged at random")
    parser.add_argument("--first", type=int, default=0, help="number of the first of them")
    parser.add_argument("--visits", type=int, default=300, help="to the page")
    parser.add_argument("--minutes", type=float, help="after which no more visitors come")
    parser.add_argument("--hostile", type=Path, default=HOSTILE, help="folder of files")


STUDY = Study(
    "trust",
    "Inputs damaged at random, files made to harm, a crowd on the page.",
    measure,
    arguments,
    passes=passes,
)
