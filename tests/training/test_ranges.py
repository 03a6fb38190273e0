"""Ranges of real music: which windows count, and that a model folder can hold them."""

import hashlib
import json
from dataclasses import replace

import numpy as np

from pixmus.check.findings import EVERY_STYLE, FEWEST_WINDOWS, Ranges
from pixmus.ensembles import PARTS
from pixmus.model.folder import DESCRIPTOR_RANGES, MANIFEST
from pixmus.training import ranges as module
from pixmus.training.corpus import Piece, save_pieces
from pixmus.training.ranges import fit_descriptor_ranges, main


def piece(name, num_bars=40, style="pop", pitch=60):
    """A harmony of one pitch, a quarter at a time."""
    beats = np.arange(4 * num_bars)
    columns = (PARTS.index("harmony"), 4 * beats, 4, pitch, 80)
    rows = np.stack(np.broadcast_arrays(*columns), 1)
    return Piece("pop909", name, style, 100.0, False, 4 * num_bars, rows.astype(np.int16))


def named(split, count):
    """Pieces of which the names fall into one split."""
    numbered = (piece(f"{split} {number}", pitch=52 + number % 24) for number in range(1000))
    found = [candidate for candidate in numbered if candidate.split == split]
    return found[:count]


def test_only_training_pieces_count_and_at_most_so_many_windows():
    training, test = named("training", 5), named("test", 5)
    assert len(training) == len(test) == 5
    assert fit_descriptor_ranges(test).tables == {}
    ranges = fit_descriptor_ranges([*training, *test], per_style=FEWEST_WINDOWS)
    assert set(ranges.tables) == {"pop", EVERY_STYLE}
    (table,) = ranges.tables["pop"].values()
    assert table.num_windows == FEWEST_WINDOWS
    assert "melody_repeated" not in table.ranges
    assert table.ranges["silence"] == (0, 0)


def test_a_window_is_the_piece_s_own():
    (found,) = named("training", 1)
    long = found.notes.copy()
    long[:, 2] = 10  # every note sounds into the next one's bar
    for candidate in (found, replace(found, notes=long)):
        expected = candidate.cells()
        for bar in (0, 7, 32):
            window = module._cells(candidate, bar)
            np.testing.assert_array_equal(window, expected[4 * bar : 4 * bar + 32])


def test_the_command_writes_ranges_and_manifest(tmp_path):
    corpus, model = tmp_path / "corpus.npz", tmp_path / "model"
    model.mkdir()
    save_pieces(named("training", 4), corpus)
    main([str(model), "--corpus", str(corpus)])
    path = model / DESCRIPTOR_RANGES
    assert "pop" in Ranges.load(path).tables
    manifest = json.loads((model / MANIFEST).read_text())
    assert manifest == {
        "format": 1,
        DESCRIPTOR_RANGES: hashlib.sha256(path.read_bytes()).hexdigest(),
    }
