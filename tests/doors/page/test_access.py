"""The page by axe-core: nothing that keeps anybody from using it, in light and in the dark.

axe-core (npm, MPL-2.0) is a tool of these tests alone. Without npm or a registry they are skipped.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from collections.abc import Callable
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


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_first_sight_has_no_grave_fault(
    visit: Callable[..., Visitor], axe: str, theme: str
) -> None:
    assert faults(visit(scheme=theme), axe) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_result_and_the_experiments_have_no_grave_fault(
    scored: Visitor, axe: str, theme: str
) -> None:
    scored.tab.emulate_media(color_scheme=theme)
    try:
        is_dark = "document.body.classList.contains('dark')"
        scored.tab.wait_for_function(f"{is_dark} === {str(theme == 'dark').lower()}")
        scored.tab.wait_for_selector("#picture-cues img")
        scored.tab.wait_for_selector(".pm-chip button")
        assert faults(scored, axe) == []
        scored.tab.get_by_role("tab", name="Examples and experiments").click()
        scored.tab.wait_for_selector("h3:has-text('Three squares')")
        assert faults(scored, axe) == []
    finally:
        scored.tab.get_by_role("tab", name="Soundtrack").click()
        scored.tab.emulate_media(color_scheme="light")
