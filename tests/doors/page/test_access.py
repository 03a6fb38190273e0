"""The page by axe-core: nothing that keeps anybody from using it, in light and in the dark.

axe-core (npm, MPL-2.0) is a tool of these tests alone. Without npm or a registry they are skipped.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from running_page import Visitor

pytestmark = pytest.mark.filterwarnings("default")

AXE = "axe-core@4.10.3"
GRAVE = ("serious", "critical")
FAULTS = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ['violations'] });
  return violations.map(({ id, impact, nodes }) => [impact, id, nodes.map(node => node.html)]);
}"""


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The script of axe-core, by way of npm, which keeps what it fetched once."""
    if (npm := shutil.which("npm")) is None:
        pytest.skip("there is no npm; install it with: apt-get install npm")
    place = tmp_path_factory.mktemp("axe")
    asked = [npm, "pack", "--silent", "--prefer-offline", AXE]
    packed = subprocess.run(asked, cwd=place, capture_output=True, text=True, check=False)
    if packed.returncode:
        pytest.skip(f"npm has no {AXE} here: {packed.stderr.strip()[-200:]}")
    archive = (place / packed.stdout.split()[-1]).read_bytes()
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        script = files.extractfile("package/axe.min.js")
        assert script is not None
        return script.read().decode()


def faults(visitor: Visitor, axe: str) -> list[Any]:
    """The grave faults of what is seen now."""
    visitor.tab.wait_for_timeout(1000)
    visitor.tab.evaluate(axe)
    return [found for found in visitor.tab.evaluate(FAULTS) if found[0] in GRAVE]


def faults_of_a_result(visitor: Visitor, axe: str) -> list[Any]:
    """The grave faults of a page with a result, and of its second tab, which is left open."""
    visitor.tab.wait_for_selector("#picture-cues img")
    visitor.tab.wait_for_selector(".pm-chip button")
    found = faults(visitor, axe)
    visitor.tab.get_by_role("tab", name="Examples and experiments").click()
    visitor.tab.wait_for_selector("h3:has-text('Three squares')")
    return found + faults(visitor, axe)


def test_in_light_there_is_no_grave_fault(
    visit: Callable[..., Visitor], scored: Visitor, axe: str
) -> None:
    assert faults(visit(), axe) == []
    assert faults_of_a_result(scored, axe) == []
    scored.tab.get_by_role("tab", name="Soundtrack").click()


def test_in_dark_there_is_no_grave_fault(
    visit: Callable[..., Visitor], clips: dict[str, Path], axe: str
) -> None:
    visitor = visit(scheme="dark")  # what is on the page by then keeps the colours it came with
    assert faults(visitor, axe) == []
    visitor.upload(clips["eight"])
    visitor.sampling(steps=4, seed=3)
    visitor.make()
    assert faults_of_a_result(visitor, axe) == []
