"""diffusers' base classes come without what nobody uses, and all of it works when asked for."""

import ast
import os
import subprocess
import sys
from pathlib import Path

from conftest import PaintVideo

import pixmus

HEAVY = (
    "torch._dynamo",
    "scipy.stats",
    "transformers",
    "diffusers.models.autoencoders",
    "diffusers.hooks",
    "gradio",
    "librosa",
    "matplotlib",
    "sklearn",
)

COMPOSE_THEN_ASK = f"""
import sys
from pixmus import PixMusPipeline
take = PixMusPipeline.from_pretrained()(sys.argv[1], seed=1)
take.write_video(sys.argv[2])
print([name for name in {HEAVY} if name in sys.modules])

import torch
from diffusers.pipelines import pipeline_loading_utils, pipeline_utils
kept = pipeline_utils.AutoencoderKL, pipeline_loading_utils.PreTrainedModel
assert not isinstance(torch.nn.Linear(1, 1), kept)

import diffusers, transformers
from diffusers.utils.torch_utils import is_compiled_module
kind = diffusers.AutoencoderKL
assert kind.__module__ == "diffusers.models.autoencoders.autoencoder_kl", kind
assert issubclass(kind, kept[0]) and not issubclass(torch.nn.Linear, kept[0])
assert transformers.PreTrainedModel.__module__ == "transformers.modeling_utils"
assert issubclass(transformers.CLIPModel, kept[1]) and not issubclass(kind, kept[1])
assert diffusers.BaseGuidance.__module__ == "diffusers.guiders.guider_utils"
assert not is_compiled_module(torch.nn.Linear(1, 1))
assert is_compiled_module(torch.compile(torch.nn.Linear(1, 1)))
scheduler = diffusers.FlowMatchEulerDiscreteScheduler(use_beta_sigmas=True)
scheduler.set_timesteps(4)
print(len(scheduler.timesteps))
"""


def test_a_soundtrack_is_made_without_what_it_does_not_use_and_all_is_there_when_asked_for(
    paint_video: PaintVideo, tmp_path: Path
) -> None:
    clip = paint_video([(1.5, 40), (1.5, 200)])
    words = [sys.executable, "-c", COMPOSE_THEN_ASK, clip, tmp_path / "scored.mp4"]
    # Where CI is set, as build services set it, pyfluidsynth has words of its own for the output.
    done = subprocess.run(words, env={**os.environ, "CI": "1"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[]\n4\n"


def test_the_product_takes_diffusers_from_one_module() -> None:
    package = Path(pixmus.__file__).parent
    wings = {"training", "dataset", "studies"}
    for path in package.rglob("*.py"):
        if path.name == "diffusers_base.py" or wings & set(path.relative_to(package).parts):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                continue
            assert not any(name.split(".")[0] == "diffusers" for name in names), (
                f"{path}:{node.lineno}: take diffusers' names from pixmus/diffusers_base.py, "
                "which imports them in half the time"
            )
