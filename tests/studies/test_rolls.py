"""Six real pieces that no training saw, and the picture of them beside takes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from open_music import write_pieces

from pixmus.ensembles import PARTS, Part
from pixmus.score.grid import STEPS_PER_BAR
from pixmus.studies import rolls


def test_only_held_out_pieces_are_shown_and_each_once() -> None:
    piece = write_pieces(1)[0]
    pieces = [
        replace(piece, style=style, name=f"piece-{number}")
        for number in range(120)
        for style in dict.fromkeys(rolls.STYLES_SHOWN)
    ]
    short = [replace(each, num_beats=rolls.NUM_BEATS - 1) for each in pieces]
    found = rolls.held_out(short + pieces)
    assert [each.style for each in found] == list(rolls.STYLES_SHOWN)
    assert all(each.split != "training" for each in found)
    assert all(each.num_beats >= rolls.NUM_BEATS for each in found)
    assert len({(each.style, each.name) for each in found}) == len(found)
    assert rolls.held_out(short + pieces) == found


def test_every_pitched_note_is_drawn_where_it_sounds() -> None:
    melody, drums = PARTS.index(Part.MELODY), PARTS.index(Part.DRUMS)
    notes = np.array(
        [
            (melody, 0, STEPS_PER_BAR, 60, 0),
            (melody, STEPS_PER_BAR, 8, 72, 100),
            (drums, 0, 1, 36, 90),
        ]
    )
    figure = rolls.draw_rolls([("song", notes, notes[:1])])
    counts, places = [], []
    for axes in figure.axes:
        boxes = [
            path.get_extents()
            for drawn in axes.collections
            if hasattr(drawn, "get_paths")
            for path in drawn.get_paths()
        ]
        counts.append(len([box for box in boxes if box.height > 0.5]))
        places += [(box.x0, box.x1) for box in boxes if box.width > 0.9]
    assert counts[0] >= 2 and counts[1] >= 1
    assert (1.0, 2.0) in [(round(a, 3), round(b, 3)) for a, b in places]
