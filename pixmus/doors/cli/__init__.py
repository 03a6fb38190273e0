"""The command line: arguments, progress and one-line errors; what the commands do is elsewhere.

Heavy imports (torch, diffusers, matplotlib) stand inside the commands that need them, so that
`--help` and `spot` answer at once. Exit codes: 0 done, 2 bad input or arguments, 130 interrupted.
"""

from pixmus.doors.cli.program import build, main

__all__ = ["build", "main"]
