"""Make the compact corpus of the shared corpora, or report what a corpus file holds.

pixmus corpus make ../shared/data/music runs/corpus.npz
pixmus corpus report runs/corpus.npz --out docs/results
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from pixmus.errors import PixMusError
from pixmus.training.corpus import CORPORA, Ledger, load_pieces, save_pieces


def make_corpus(music: Path, out: Path) -> None:
    """Read the shared corpora, leave out near-duplicates, write the corpus file."""
    from pixmus.training.duplicates import drop_near_duplicates
    from pixmus.training.readers import read_all

    ledger = Ledger()
    pieces = drop_near_duplicates(list(read_all(music, ledger)), ledger)
    if not pieces:
        raise PixMusError(f"{music}: none of {', '.join(CORPORA)} was found in it.")
    save_pieces(pieces, out, ledger)
    print(f"{out}: {len(load_pieces(out))} pieces, {out.stat().st_size / 2**20:.1f} MiB")


def main(argv: Sequence[str] | None = None) -> None:
    """`pixmus corpus make MUSIC OUT.npz` and `pixmus corpus report CORPUS.npz --out FOLDER`."""
    parser = argparse.ArgumentParser(prog="pixmus corpus", description=main.__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("make", help="read the shared corpora into one array file")
    make.add_argument("music", type=Path, help="folder with pop909, openscore_lieder, ...")
    make.add_argument("out", type=Path, help="the corpus file, .npz; must not be there yet")
    report = commands.add_parser("report", help="tables and plots of a corpus file")
    report.add_argument("corpus", type=Path, help="corpus file")
    report.add_argument("--out", type=Path, default=Path("docs/results"))
    arguments = parser.parse_args(argv)
    if arguments.command == "make":
        if arguments.out.exists():
            raise PixMusError(f"{arguments.out} is there already; choose another name.")
        make_corpus(arguments.music, arguments.out)
    else:
        from pixmus.training.corpus_report import write_report

        write_report(arguments.corpus, arguments.out)


if __name__ == "__main__":
    main()
