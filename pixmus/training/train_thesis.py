"""Train the thesis' system: its denoiser, on latents that `pixmus dataset features --latents` made.

    pixmus train thesis --begin runs/thesis --audioldm cvssp/audioldm-s-full-v2
    pixmus train thesis --shards shards --model runs/thesis --out runs/thesis-trained
    accelerate launch -m pixmus train thesis --shards ...   # the same on several GPUs

Autoencoder, vocoder, T5 and CLIP are frozen. The denoiser learns v (Salimans & Ho 2022), one tenth
of the clips without conditions, which guidance needs. Stopped, it goes on as if it never had: what
is drawn follows from the seed and the number of the iteration alone.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pixmus.errors import PixMusError
from pixmus.files import check_new_file, new_file
from pixmus.thesis.networks import Sizes, noise_scheduler, unet
from pixmus.thesis.pipeline import ThesisPipeline
from pixmus.training.latents import LatentRows, Learned, read_latents
from pixmus.training.progress import LOG, append_row, draw_log

STATE = "state.pt"
WITHOUT = 0.1  # of the clips learn without conditions (Ho & Salimans 2022)
HELD_OUT_BATCHES = 2


@dataclass(frozen=True)
class Settings:
    """How a run learns; those that a run goes on with must be the same."""

    batch: int = 4
    rate: float = 1e-4
    seed: int = 0
    average: float = 0.999  # of the averaged weights, what stays at each iteration
    warmup: int = 100  # iterations in which the rate rises
    without: float = WITHOUT


class Learning:
    """The denoiser and its conditions in training, their average, the optimiser, the iteration."""

    def __init__(self, pipe: ThesisPipeline, rows: LatentRows, settings: Settings) -> None:
        from accelerate import Accelerator

        self.settings, self.rows = settings, rows
        self.accelerator = Accelerator()
        self.scheduler = type(pipe.scheduler).from_config(pipe.scheduler.config)
        self.network = torch.nn.ModuleDict({"unet": pipe.unet, "conditions": pipe.conditions})
        self.network.train()
        self.average = {n: v.detach().clone() for n, v in self.network.state_dict().items()}
        self.optimiser = torch.optim.AdamW(self.network.parameters(), settings.rate)
        self.prepared = {
            name: self.accelerator.prepare(module) for name, module in self.network.items()
        }
        self.optimiser = self.accelerator.prepare(self.optimiser)
        self.average = {n: v.to(self.accelerator.device) for n, v in self.average.items()}
        self.iteration = 0
        self.spent = 0.0

    # ----------------------------------------------------------------------------- what is learned

    def drawn(self, rows: LatentRows, seed: Sequence[int]) -> tuple[Learned, Tensor, Tensor]:
        """A batch of an iteration with its noise and times; whether conditions are told, too."""
        random = np.random.default_rng(seed)
        size = min(self.settings.batch, len(rows))
        batch = rows.batch(random.choice(len(rows), size, replace=False).tolist())
        generator = torch.Generator().manual_seed(int(random.integers(2**31)))
        noise = torch.randn(batch.latents.shape, generator=generator)
        steps = int(self.scheduler.config.num_train_timesteps)
        times = torch.from_numpy(random.integers(0, steps, size))
        kept = torch.from_numpy(random.random(size) >= self.settings.without).float()
        told = Learned(batch.latents, batch.conditions.where(kept))
        return told, noise, times

    def loss(self, batch: Learned, noise: Tensor, times: Tensor) -> Tensor:
        """The mean squared error of the predicted v."""
        device = self.accelerator.device
        latents, noise, times = (t.to(device) for t in (batch.latents, noise, times))
        noisy = self.scheduler.add_noise(latents, noise, times)
        wanted = self.scheduler.get_velocity(latents, noise, times)
        # Together only where all processes learn: what one of them measures waits for no other.
        networks = self.prepared if self.network.training else self.network
        tokens = networks["conditions"](batch.conditions.to(latents))
        predicted = networks["unet"](noisy, times, encoder_hidden_states=tokens).sample
        return torch.nn.functional.mse_loss(predicted.float(), wanted.float())

    def drawn_loss(self, process: int) -> Tensor:
        """The loss on what a process draws at this iteration."""
        seeds = [self.settings.seed, self.iteration, process]
        drawn = self.drawn(self.rows, seeds)
        with torch.random.fork_rng():  # what the layers drop follows from the iteration, too
            torch.manual_seed(int(np.random.default_rng([*seeds, 1]).integers(2**31)))
            return self.loss(*drawn)

    def learn(self) -> float:
        """One iteration; its loss."""
        settings = self.settings
        for group in self.optimiser.param_groups:
            group["lr"] = settings.rate * min(1.0, (self.iteration + 1) / settings.warmup)
        loss = self.drawn_loss(self.accelerator.process_index)
        self.optimiser.zero_grad(set_to_none=True)
        self.accelerator.backward(loss)
        self.accelerator.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        self.iteration += 1
        kept = min(settings.average, self.iteration / (self.iteration + 9.0))  # short at first
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                self.average[name].lerp_(value, 1.0 - kept)
        return float(loss.detach())

    def agreed(self, seconds: float) -> float:
        """The seconds of the first process, by which all stop at the same iteration."""
        from accelerate.utils import broadcast

        if self.accelerator.num_processes == 1:
            return seconds
        return float(broadcast(torch.tensor([seconds], device=self.accelerator.device)))

    def held_out_loss(self, rows: LatentRows) -> float:
        """The loss on rows that are not learned, with the same noise each time."""
        if not len(rows):
            return float("nan")
        self.network.eval()
        with torch.no_grad():
            losses = [
                float(self.loss(*self.drawn(rows, [0, number])))
                for number in range(HELD_OUT_BATCHES)
            ]
        self.network.train()
        return float(np.mean(losses))

    # --------------------------------------------------------------------------------- what is kept

    def save(self, path: Path) -> None:
        """Write the state, whole or not at all."""
        state = {
            "settings": asdict(self.settings),
            "rows": self.rows.model,
            "network": self.network.state_dict(),
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
            "iteration": self.iteration,
            "spent": self.spent,
        }
        with new_file(path, overwrite=True) as place:
            torch.save(state, place)

    def load(self, path: Path) -> None:
        """Go on from a state; PixMusError where it is of other settings or latents."""
        state = torch.load(path, weights_only=True, map_location=self.accelerator.device)
        mine = {"settings": asdict(self.settings), "rows": self.rows.model}
        if {name: state[name] for name in mine} != mine:
            raise PixMusError(
                f"{path.parent} holds a run with other settings or other latents "
                f"({json.dumps(state['settings'])}); give those, or a new --out."
            )
        self.network.load_state_dict(state["network"])
        self.average = state["average"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.iteration, self.spent = state["iteration"], state["spent"]

    def averaged_into(self, pipe: ThesisPipeline) -> ThesisPipeline:
        """The pipeline with the averaged weights."""
        now = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        self.network.load_state_dict(self.average)
        pipe.unet.eval(), pipe.conditions.eval()
        saved = type(pipe)(**pipe.components)
        saved._before = now  # what `training_again` puts back
        return saved

    def training_again(self, saved: ThesisPipeline) -> None:
        """Put the weights that learn back in their place."""
        self.network.load_state_dict(saved._before)
        self.network.train()


def train(
    shards: str | Path,
    model: str | Path,
    out: str | Path,
    settings: Settings | None = None,
    *,
    iterations: int = 100_000,
    minutes: float | None = None,
    report_each: int = 100,
) -> Path:
    """Train on the latents of a folder; the model folder that is written, `out`/model.

    Where `out` holds a state, the run goes on from it.
    """
    settings = settings or Settings()
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    pipe = ThesisPipeline.from_pretrained(model)
    rows, held_out = read_latents(shards, held_out=False), read_latents(shards, held_out=True)
    if not len(rows):
        raise PixMusError(f"{shards} holds no rows to learn from; give another --split.")
    learning = Learning(pipe, rows, settings)
    if (out / STATE).is_file():
        learning.load(out / STATE)
    begun, losses = time.monotonic() - learning.spent, list[float]()
    limit = float("inf") if minutes is None else 60.0 * minutes
    while learning.iteration < iterations and learning.spent < limit:
        losses.append(learning.learn())
        learning.spent = learning.agreed(time.monotonic() - begun)
        is_last = learning.iteration >= iterations or learning.spent >= limit
        if (learning.iteration % report_each == 0 or is_last) and _is_first(learning):
            row = {
                "iteration": learning.iteration,
                "seconds": round(learning.spent, 1),
                "training_loss": round(float(np.mean(losses)), 5),
                "validation_loss": round(learning.held_out_loss(held_out), 5),
            }
            append_row(out / LOG, row)
            print("thesis", *row.values(), flush=True)
            learning.save(out / STATE)
            losses = []
    if _is_first(learning):
        draw_log(out / LOG)
        averaged = learning.averaged_into(pipe)
        averaged.save_pretrained(str(out / "model"))
        learning.training_again(averaged)
    return out / "model"


def _is_first(learning: Learning) -> bool:
    """Whether this process is the one that writes."""
    return bool(learning.accelerator.is_main_process)


def begin(
    folder: str | Path,
    audioldm: str,
    text: str,
    clip: str,
    sizes: Sizes | None = None,
    seed: int = 0,
) -> Path:
    """A model folder of frozen networks from the Hub with an untrained denoiser."""
    from diffusers import AutoencoderKL
    from transformers import (
        AutoTokenizer,
        CLIPVisionModelWithProjection,
        SpeechT5HifiGan,
        T5EncoderModel,
    )

    from pixmus.thesis.conditions import ConditionNetwork

    Path(folder).mkdir(parents=True, exist_ok=True)
    check_new_file(Path(folder) / "model_index.json", False)
    sizes = sizes or Sizes()
    try:
        parts: dict[str, Any] = {
            "vae": AutoencoderKL.from_pretrained(audioldm, subfolder="vae"),
            "vocoder": SpeechT5HifiGan.from_pretrained(audioldm, subfolder="vocoder"),
            "text_encoder": T5EncoderModel.from_pretrained(text),
            "tokenizer": AutoTokenizer.from_pretrained(text),
            "image_encoder": CLIPVisionModelWithProjection.from_pretrained(clip),
        }
    except (OSError, ValueError) as error:
        raise PixMusError(
            f"The frozen networks cannot be had ({str(error).splitlines()[0]}); name others with "
            "--audioldm, --text and --clip."
        ) from error
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        widths = parts["text_encoder"].config.d_model, parts["image_encoder"].config.projection_dim
        pipe = ThesisPipeline(
            unet=unet(sizes),
            conditions=ConditionNetwork(*widths, sizes.width),
            scheduler=noise_scheduler(),
            **parts,
        )
    pipe.save_pretrained(str(folder))
    return Path(folder)


def main(argv: Sequence[str] | None = None) -> None:
    """Begin a model, or train one."""
    parser = argparse.ArgumentParser(
        prog="pixmus train thesis",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    usual = Settings()
    parser.add_argument("--begin", type=Path, metavar="FOLDER", help="write an untrained model")
    parser.add_argument(
        "--audioldm", default="cvssp/audioldm-s-full-v2", help="autoencoder, vocoder"
    )
    parser.add_argument("--text", default="google/flan-t5-large", help="T5 whose encoder is used")
    parser.add_argument("--clip", default="openai/clip-vit-base-patch32", help="CLIP image model")
    parser.add_argument("--shards", type=Path, help="folder of `dataset features --latents`")
    parser.add_argument("--model", help="folder or Hub id of the model to train")
    parser.add_argument("--out", type=Path, help="folder of the run; one that is there goes on")
    parser.add_argument("--iterations", type=int, default=100_000)
    parser.add_argument("--minutes", type=float, help="stop after so many, and go on later")
    parser.add_argument("--report-each", type=int, default=100, help="iterations between log lines")
    parser.add_argument("--batch", type=int, default=usual.batch, help="clips an iteration")
    parser.add_argument("--rate", type=float, default=usual.rate, help="learning rate")
    parser.add_argument("--seed", type=int, default=usual.seed)
    asked = parser.parse_args(argv)
    if asked.begin is not None:
        print(begin(asked.begin, asked.audioldm, asked.text, asked.clip, seed=asked.seed))
        return
    for name in ("shards", "model", "out"):
        if getattr(asked, name) is None:
            raise PixMusError(f"name --{name} too, or begin a model with --begin.")
    settings = Settings(asked.batch, asked.rate, asked.seed)
    print(
        train(
            asked.shards,
            asked.model,
            asked.out,
            settings,
            iterations=asked.iterations,
            minutes=asked.minutes,
            report_each=asked.report_each,
        )
    )


if __name__ == "__main__":
    main()
