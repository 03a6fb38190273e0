"""The base classes of diffusers that PixMus builds on, without what they pull in and nobody uses.

`from diffusers import DiffusionPipeline` imports torch's compiler, all of transformers' models and
losses, every autoencoder and scipy.stats: more processor time than making a short soundtrack. Here
the same classes are imported with stand-ins in place of those, and afterwards everything is put
back: who asks for one of them later gets the real one. Where diffusers is loaded already, or is
built otherwise than this version, nothing is saved and nothing is changed.

All rooms of the product take diffusers' names from here (a test holds it).
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import scipy
import torch
import transformers


class _Later(type):
    """A stand-in for a class whose module is not loaded yet.

    Nothing can be of the class, or derive from it, before its module is loaded, and from then on
    the class itself is asked.
    """

    home: str

    def __subclasscheck__(cls, subclass: type) -> bool:
        module = sys.modules.get(cls.home)
        return module is not None and issubclass(subclass, getattr(module, cls.__name__))

    def __instancecheck__(cls, instance: object) -> bool:
        return cls.__subclasscheck__(type(instance))


def _later(name: str, home: str) -> type:
    return _Later(name, (), {"home": home})


def _as_it_is(function: Any) -> Any:
    return function


@contextlib.contextmanager
def _set(*places: tuple[Any, str, Any]) -> Iterator[None]:
    """Attributes (owner, name, value) while the block lasts; then what was there before."""
    missing = object()
    before = [(owner, name, vars(owner).get(name, missing)) for owner, name, _ in places]
    try:
        for owner, name, value in places:
            setattr(owner, name, value)
        yield
    finally:
        for owner, name, value in before:
            if value is missing:
                delattr(owner, name)
            else:
                setattr(owner, name, value)


@contextlib.contextmanager
def _no_compiler() -> Iterator[None]:
    """torch's compiler is taken for absent, which diffusers knows how to live with."""
    name = "torch._dynamo"
    sys.modules[name] = None  # type: ignore[assignment]  # to import it is an ImportError
    try:
        with _set((torch.compiler, "disable", _as_it_is)):
            yield
    finally:
        del sys.modules[name]


def _import_without_the_rest() -> None:
    with _no_compiler():
        torch_utils = importlib.import_module("diffusers.utils.torch_utils")
    plain: Callable[[object], bool] = torch_utils.is_compiled_module

    def is_compiled_module(module: object) -> bool:
        """Without the compiler loaded nobody can have compiled anything; asking would load it."""
        return "torch._dynamo" in sys.modules and plain(module)

    models = importlib.import_module("diffusers.models")
    autoencoder = _later("AutoencoderKL", "diffusers.models.autoencoders.autoencoder_kl")
    pretrained = _later("PreTrainedModel", "transformers.modeling_utils")
    torch_utils.is_compiled_module = is_compiled_module  # type: ignore[attr-defined]
    with (
        _no_compiler(),
        _set(
            (models, "AutoencoderKL", autoencoder),
            (transformers, "PreTrainedModel", pretrained),
        ),
    ):
        importlib.import_module("diffusers.pipelines.pipeline_utils")

    available = importlib.import_module("diffusers.utils.import_utils")
    with _set((available, "_scipy_available", False)):
        flow_matching = importlib.import_module(
            "diffusers.schedulers.scheduling_flow_match_euler_discrete"
        )
    flow_matching.scipy = scipy  # type: ignore[attr-defined]  # its parts load when asked for


if not {"diffusers", "torch._dynamo"} & sys.modules.keys():
    _import_without_the_rest()

import diffusers  # noqa: E402
from diffusers import (  # noqa: E402
    ConfigMixin,
    DiffusionPipeline,
    FlowMatchEulerDiscreteScheduler,
    ModelMixin,
    SchedulerMixin,
)
from diffusers.configuration_utils import register_to_config  # noqa: E402
from diffusers.utils import logging as diffusers_logging  # noqa: E402

_loading = threading.Lock()


@contextlib.contextmanager
def loading_components() -> Iterator[None]:
    """While a pipeline of ours is loaded, which has no guider among its components.

    To learn whether a component is one, diffusers imports all its guiders and hooks.
    """
    guider = _later("BaseGuidance", "diffusers.guiders.guider_utils")
    with _loading, _set((diffusers, "BaseGuidance", guider)):
        yield


__all__ = [
    "ConfigMixin",
    "DiffusionPipeline",
    "FlowMatchEulerDiscreteScheduler",
    "ModelMixin",
    "SchedulerMixin",
    "diffusers_logging",
    "loading_components",
    "register_to_config",
]
