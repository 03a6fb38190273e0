"""`Choice`: one thing that a person may choose, how it is checked and how each door spells it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from numbers import Real
from typing import Any

from pixmus.errors import PixMusError

LONGEST_WORD = 40  # characters of a wrong value that are said back
LARGEST_NUMBER = 10**15
MOST_TOLD = 12  # options that can be spelt otherwise are told where they are no more


class Step(StrEnum):
    """The step of the way in which a choice has its say, in order."""

    TRIM = "trim"  # which part of the clip
    WATCH = "watch"
    WISH = "wish"  # in words
    SPOT = "spot"  # the fields of `cues.direction.Direction`
    COMPOSE = "compose"
    MIX = "mix"
    TAKES = "takes"  # how many times


@dataclass(frozen=True)
class Choice:
    """One thing to choose: its kind, unit, range and default, and how each door spells it."""

    name: str  # in Python, in the API and in take.json
    kind: type  # float, int, bool, str, or tuple for some of the options
    step: Step
    noun: str  # in sentences, after "the"
    help: str  # the beginning of a sentence that `told` ends
    default: Any = None
    otherwise: str = ""  # what is done where the default is None
    low: float = -math.inf
    high: float = math.inf  # of a text: characters
    shared_high: float | None = None  # where several visitors share the machine
    unit: str = ""
    options: Callable[[], Sequence[str]] | None = None  # asked anew each time
    spell: Callable[[str], str] | None = None  # to one of the options; raises ValueError
    option: str = ""  # on the command line, without dashes
    label: str = ""  # on the page
    slide: tuple[float, float, float] | None = None  # lowest, highest, step of the page's slider
    labels: Mapping[str, str] = field(default_factory=dict)  # on the page, of options and "auto"
    example: str = ""
    # What of it the page shows, asked when the page is built: fewer than two leave it out.
    shown: Callable[[], Sequence[str]] | None = None
    is_local: bool = False  # names what lies on this machine, so no visitor may choose it

    @property
    def is_shown(self) -> bool:
        """Whether the page has a control for it."""
        return not self.is_local and (self.shown is None or len(self.shown()) > 1)

    @property
    def spelt(self) -> str:
        """The option of the command line, without dashes."""
        return self.option or self.name.replace("_", "-")

    @property
    def metavar(self) -> str:
        """What stands for its value in the help of the command line."""
        if self.kind is str:
            return "NAME" if self.options else "WORDS"
        return self.unit.upper() or {int: "N", float: "X"}.get(self.kind, "LIST")

    def highest(self, shared: bool = False) -> float:
        """The highest value (of a text: the most characters), here or on a shared machine."""
        return self.shared_high if shared and self.shared_high is not None else self.high

    def told(self, shared: bool = False) -> str:
        """What it is, what it may be and what it is where nobody chooses, as one sentence."""
        options = self.options() if self.options else ()
        if self.spell is not None and len(options) > MOST_TOLD:
            options = ()
        span = ", ".join(options) if options else self._span(shared) if self.kind is not str else ""
        if self.otherwise:
            default = self.otherwise
        elif self.kind is bool:
            default = "yes" if self.default else "no"
        else:
            default = f"{self.default:g}" if isinstance(self.default, Real) else str(self.default)
        return f"{self.help}{f' ({span})' if span else ''}; else {default}."

    def check(self, value: Any, shared: bool = False) -> Any:
        """`value` as it is used from here on; PixMusError with one sentence where it cannot be."""
        if value is None or (isinstance(value, str) and not value and self.kind is not str):
            return self.default
        if self.is_local and shared and value != self.default:
            raise PixMusError(f"The {self.noun} is chosen by whoever runs this page; leave it out.")
        if self.kind is bool:
            return self._check_bool(value)
        if self.kind is tuple:
            return self._check_several(value)
        if self.kind is not str:
            return self._check_number(value, shared)
        if not isinstance(value, str):
            raise PixMusError(f"The {self.noun} is {_said(value)}; give words.")
        if self.options is not None:
            return self._check_option(value) if value else self.default
        if len(value) > self.highest(shared):
            raise PixMusError(
                f"The {self.noun} has {len(value)} characters; say it in "
                f"{self.highest(shared):.0f}."
            )
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise PixMusError(f"The {self.noun} holds half of a character; type it anew.")
        if "\0" in value:  # no line of shell can hold it
            raise PixMusError(f"The {self.noun} holds a character without a shape; type it anew.")
        return value

    def read(self, typed: object, shared: bool = False) -> Any:
        """The value that a person typed, or None where nothing was; checked as `check` does."""
        if not isinstance(typed, str) or self.kind in (str, bool):
            return self.check(typed, shared)
        text = typed.strip()
        if not text:
            return self.default
        if self.kind is tuple:
            return self.check(tuple(name.strip() for name in text.split(",")), shared)
        try:
            number = float(text.replace(",", "."))
        except ValueError:
            raise self._refusal(typed, shared) from None
        if self.kind is int:
            if not number.is_integer():
                raise self._refusal(typed, shared)
            number = int(number)
        return self.check(number, shared)

    def shell_words(self, value: Any) -> list[str]:
        """What a line of shell says for `value`: nothing where it is the default."""
        if value is None or value == self.default:
            return []
        if self.kind is bool:
            return [f"--{self.spelt}" if value else f"--no-{self.spelt}"]
        return [f"--{self.spelt}", self.shell_value(value)]

    def shell_value(self, value: Any) -> str:
        """A value as the command line reads it back, digit for digit."""
        if self.kind is tuple:
            return ",".join(value)
        if isinstance(value, float):
            return f"{value:g}" if float(f"{value:g}") == value else repr(value)
        return str(value)

    def _check_bool(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise PixMusError(f"The {self.noun} can be on or off, not {_said(value)}.")
        return value

    def _check_several(self, value: Any) -> tuple[str, ...]:
        assert self.options is not None
        known = self.options()
        if isinstance(value, str):
            value = (value,)
        if not isinstance(value, list | tuple):
            raise PixMusError(
                f"The {self.noun} are {_said(value)}; name some of {', '.join(known)}."
            )
        if not value:
            raise PixMusError(
                f"None of the {self.noun} is chosen; choose at least one of {', '.join(known)}."
            )
        for name in value:
            if name not in known:
                raise PixMusError(
                    f"One of the {self.noun} is {_said(name)}; choose one of {', '.join(known)}."
                )
        if len(set(value)) < len(value):
            raise PixMusError(f"One of the {self.noun} is named twice; name each once.")
        return tuple(str(name) for name in known if name in value)

    def _check_option(self, value: str) -> str:
        assert self.options is not None
        if self.spell is not None:
            try:
                return self.spell(value[: LONGEST_WORD + 1])  # it says back what it cannot spell
            except ValueError as error:
                raise PixMusError(f"{str(error)[0].upper()}{str(error)[1:]}.") from error
        if value not in self.options():
            raise PixMusError(
                f"The {self.noun} is {_said(value)}; choose one of {', '.join(self.options())}."
            )
        return str(value)

    def _check_number(self, value: Any, shared: bool) -> float | int:
        is_number = isinstance(value, Real) and not isinstance(value, bool)
        if not is_number or not self.low <= value <= self.highest(shared) or value == math.inf:
            raise self._refusal(value, shared)
        if abs(value) > LARGEST_NUMBER:  # an integer that no float can be
            raise self._refusal(value, shared)
        if self.kind is int:
            if value != int(value):
                raise self._refusal(value, shared)
            return int(value)
        return float(value)

    def _refusal(self, value: Any, shared: bool) -> PixMusError:
        kind = "a whole number" if self.kind is int else "a number"
        return PixMusError(
            f"The {self.noun} is {_said(value)}; give {kind} {self._span(shared, 'from ')}, "
            "or leave it open."
        )

    def _span(self, shared: bool, first: str = "") -> str:
        if self.kind is bool:
            return ""
        unit = f" {self.unit}" if self.unit else ""
        low, high = self.low, self.highest(shared)
        if math.isinf(high):
            return f"from {_number(low)}{unit} on" if math.isfinite(low) else ""
        return f"{first}{_number(low)} to {_number(high)}{unit}"


def _said(value: Any) -> str:
    """A wrong value as it is said back."""
    if isinstance(value, Real) and not isinstance(value, bool):
        return _number(value)
    if isinstance(value, str):
        return repr(str(value)[:LONGEST_WORD])
    if isinstance(value, bool):
        return repr(value)
    return "a list" if isinstance(value, list | tuple) else "neither a number nor words"


def _number(value: Any) -> str:
    if isinstance(value, int) and abs(value) > LARGEST_NUMBER:
        return "far too large"
    return str(value) if isinstance(value, int) else f"{value:.10g}"
