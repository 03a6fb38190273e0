"""`pixmus dataset ...`: arguments only; what the commands do is elsewhere in this folder."""

from __future__ import annotations

import typer

app = typer.Typer(
    name="dataset",
    help="Read, check, learn from and make tables of pictures with music.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

# ------------------------------------------------------------------------------- inspect, split

# -------------------------------------------------------------------------------- fetch, verify

# --------------------------------------------------------------------------------------- features

# ------------------------------------------------------------------------ synthesize, materialize
