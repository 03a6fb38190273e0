"""The page as a Space runs it; on a machine of one's own `pixmus page` does the same."""

from __future__ import annotations

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # nothing leaves the machine
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

import argparse
import sys
from pathlib import Path

from pixmus.doors.page.showcase import EXAMPLES
from pixmus.doors.page.start import start
from pixmus.doors.page.visits import KEEP_MINUTES
from pixmus.errors import PixMusError

try:  # on ZeroGPU machines of Hugging Face
    import spaces

    @spaces.GPU(duration=1)  # type: ignore[untyped-decorator]
    def _on_gpu() -> None:
        """ZeroGPU wants one such function; composing is quicker than the wait for a GPU."""
except ImportError:
    pass


def main() -> None:
    """Serve the page as the command line says."""
    parser = argparse.ArgumentParser(description="The PixMus page.")
    parser.add_argument("--model", default=os.environ.get("PIXMUS_MODEL"))
    parser.add_argument("--port", type=int, default=None)
    parser.add_argument("--examples", type=Path, default=EXAMPLES)
    parser.add_argument("--keep-minutes", type=float, default=KEEP_MINUTES)
    arguments = parser.parse_args()
    try:
        start(arguments.model, arguments.port, arguments.examples, arguments.keep_minutes)
    except PixMusError as error:
        sys.exit(f"pixmus: {error}")


if __name__ == "__main__":
    main()
