"""The package's front door: public names, an import that does no work, threads that sleep."""

import os
import subprocess
import sys

import pytest

import pixmus
from pixmus.take.pipeline import PixMusPipeline

# Two threads that wait for each other all the time on one processor that somebody else keeps busy,
# and the processor time that they take.
WORK = """
import os, resource
{before}
import torch

def used():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime

os.sched_setaffinity(0, {{{processor}}})
torch.set_num_threads(2)
x, layer = torch.randn(192, 256), torch.nn.Linear(256, 256)
with torch.inference_mode():
    layer(x)
    begun = used()
    for _ in range(40):
        x = torch.tanh(layer(x))
print(used() - begun)
"""

# Busy until it is ended, and not for ever where nobody is left to end it.
NEIGHBOUR = """
import os, time
os.sched_setaffinity(0, {{{processor}}})
end = time.monotonic() + 100
while time.monotonic() < end:
    pass
"""


def run(code: str, **environment: str) -> str:
    """What a fresh interpreter prints, with no word of how threads wait but these."""
    mine = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OMP_", "GOMP_", "KMP_", "MKL_"))
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=mine | environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_public_name_is_there_and_listed() -> None:
    for name in pixmus.__all__:
        assert getattr(pixmus, name).__name__ == name
        assert name in dir(pixmus)
    assert pixmus.PixMusPipeline is PixMusPipeline
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        pixmus.nothing  # noqa: B018


def test_programs_for_version_0_1_find_the_pipeline() -> None:
    from pixmus.pipeline import PixMusPipeline as Old

    assert Old is PixMusPipeline


def test_importing_the_package_does_no_work() -> None:
    code = "import sys, pixmus; print([m for m in ('numpy', 'torch', 'av') if m in sys.modules])"
    assert run(code) == "[]\n"


def test_openmp_is_told_before_torch_loads_and_who_says_otherwise_is_followed() -> None:
    code = (
        "import pixmus, os; print(os.environ['OMP_WAIT_POLICY'], os.environ.get('GOMP_SPINCOUNT'))"
    )
    assert run(code) == "passive 0\n"
    assert run(code, OMP_WAIT_POLICY="active") == "active None\n"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no process can be held here")
def test_threads_that_wait_leave_the_processor_to_others() -> None:
    """Beside a busy neighbour, waiting threads that spin cost processor time, and sleeping none.

    How long OpenMP spins when it is told nothing differs between machines; told to, it always does.
    """
    processor = min(os.sched_getaffinity(0))
    neighbour = subprocess.Popen([sys.executable, "-c", NEIGHBOUR.format(processor=processor)])
    try:
        sleeping = float(run(WORK.format(before="import pixmus", processor=processor)))
        spinning = float(run(WORK.format(before="", processor=processor), OMP_WAIT_POLICY="active"))
    finally:
        neighbour.kill()
        neighbour.wait()
    assert sleeping < spinning / 1.5
