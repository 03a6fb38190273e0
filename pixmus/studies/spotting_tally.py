"""A `Tally`: true, found and matched transitions, for precision and recall."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from pixmus.picture.transitions import Transition

GRADUAL_TOLERANCE = 0.1  # s


def match(
    reference: Sequence[Transition], estimate: Sequence[Transition], tolerance: float
) -> list[tuple[int, int]]:
    """Pairs (reference index, estimate index) within `tolerance` seconds, nearest first, 1 to 1."""
    distances = sorted(
        (abs(r.time - e.time), i, j)
        for i, r in enumerate(reference)
        for j, e in enumerate(estimate)
        if abs(r.time - e.time) <= tolerance + 1e-6
    )
    pairs: list[tuple[int, int]] = []
    used_reference: set[int] = set()
    used_estimate: set[int] = set()
    for _, i, j in distances:
        if i not in used_reference and j not in used_estimate:
            pairs.append((i, j))
            used_reference.add(i)
            used_estimate.add(j)
    return pairs


class Tally:
    """Counts of true, found and matched transitions, for precision and recall."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def add(
        self, reference: Sequence[Transition], estimate: Sequence[Transition], frame: float
    ) -> None:
        """Count one clip; `frame` is the length of a frame in seconds."""
        near = match(reference, estimate, frame * 1.01)
        wide = match(reference, estimate, max(frame * 1.01, GRADUAL_TOLERANCE))
        self.counts["true"] += len(reference)
        self.counts["found"] += len(estimate)
        self.counts["matched"] += len(near)
        for index, transition in enumerate(reference):
            self.counts[f"true {transition.kind}"] += 1
            self.counts[f"matched {transition.kind}"] += any(i == index for i, _ in near)
            self.counts[f"near {transition.kind}"] += any(i == index for i, _ in wide)

    def summary(self) -> dict[str, Any]:
        """Precision and recall within a frame, and recall per kind of transition."""
        counts = self.counts
        result: dict[str, Any] = {
            "true": counts["true"],
            "found": counts["found"],
            "precision": _share(counts["matched"], counts["found"]),
            "recall": _share(counts["matched"], counts["true"]),
        }
        for kind in ("cut", "dissolve", "fade"):
            result[f"{kind}s"] = counts[f"true {kind}"]
            result[f"{kind} recall"] = _share(counts[f"matched {kind}"], counts[f"true {kind}"])
        for kind in ("dissolve", "fade"):
            result[f"{kind} recall in 0.1 s"] = _share(
                counts[f"near {kind}"], counts[f"true {kind}"]
            )
        return result


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
