"""Bars as a person names them: "9-12,17-" from 1, ends included; "-4" is four before the first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from pixmus.errors import PixMusError

MOST_BEFORE = 64  # new bars before the first
LONGEST_SAID = 40  # characters of wrong bars that are said back
Bars = str | Iterable[int]  # "9-12,17-", or numbers from 1


def bars_before(bars: Bars) -> tuple[int, Bars | None]:
    """How many new bars are asked for before the first ("-4" or "-4,9-12"), and the other bars."""
    if not isinstance(bars, str):
        return 0, bars
    spans = [span.strip() for span in bars.split(",")]
    found = [span for span in spans if re.fullmatch(r"-\d{1,4}", span)]
    if not found:
        return 0, bars
    number = int(found[0])
    if len(found) > 1 or not 1 <= -number <= MOST_BEFORE:
        raise PixMusError(
            f"The bars {bars[:LONGEST_SAID]!r} cannot be read; say once how many are new before "
            f"the first, such as -4, {MOST_BEFORE} at most."
        )
    return -number, ",".join(span for span in spans if span not in found) or None


def parse_bars(bars: Bars, num_bars: int) -> list[int]:
    """Bar numbers from 1, in order: of "9-12,17-" or of an iterable of numbers."""
    numbers: set[int] = set()
    if isinstance(bars, str):
        for span in bars.replace(" ", "").split(","):
            match = re.fullmatch(r"(\d{1,15})(?:(-)(\d{0,15}))?", span)
            if match is None:
                raise PixMusError(
                    f"The bars {bars[:LONGEST_SAID]!r} cannot be read; write them like 9-12, 3 or "
                    "9-12,17-20; 13- goes to the end."
                )
            first, is_span, last = int(match[1]), match[2], match[3]
            final = int(last) if last else max(first, num_bars) if is_span else first
            if final < first:
                raise PixMusError(f"The bars {span} run backwards; write {final}-{first}.")
            numbers |= {first, final, *range(first, min(final, num_bars))}
    else:
        numbers = set(bars)
    if not numbers:
        raise PixMusError("No bar is named that could be redone; write bars like 9-12.")
    if min(numbers) < 1:
        raise PixMusError(f"Bars are numbered from 1; there is no bar {min(numbers)}.")
    if max(numbers) > num_bars:
        raise PixMusError(f"There is no bar {max(numbers)}: the piece has {num_bars} bars.")
    return sorted(numbers)


def format_bars(bars: Sequence[int]) -> str:
    """Bar numbers in order as a person writes them: "9-12,17"."""
    return ",".join(
        str(first) if first == last else f"{first}-{last}" for first, last in runs_of(bars)
    )


def runs_of(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """First and last of every row of numbers that follow each other."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs
