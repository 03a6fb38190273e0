"""The base classes of diffusers that PixMus builds on, without what they pull in and nobody uses.

`from diffusers import DiffusionPipeline` imports torch's compiler, transformers, every autoencoder
and scipy.stats, and reads what every installed package consists of: more processor time than making
a short soundtrack. Here the same classes are imported with stand-ins in place of those, and
afterwards everything is put back: who asks for one of them later gets the real one. Where diffusers
is loaded already, or is built otherwise than this version, nothing is saved and nothing is changed.

All rooms of the product take diffusers' names from here (a test holds it). Without diffusers the
networks are built on `plain_base`, and can learn.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.metadata
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

import scipy
import torch


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


class _LaterModule(ModuleType):
    """A stand-in for a module that is loaded when something is asked of it that it was not told."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:  # what stands for itself knows no more
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(self.__name__), name)


class _LaterDistributions(Mapping[str, list[str]]):
    """`importlib.metadata.packages_distributions()`, once someone looks a package up."""

    @functools.cached_property
    def _found(self) -> Mapping[str, list[str]]:
        return importlib.metadata.packages_distributions()

    def __getitem__(self, package: str) -> list[str]:
        return self._found[package]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


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
def _standing_in(modules: Mapping[str, ModuleType | None]) -> Iterator[None]:
    """Modules that imports find while the block lasts; to import None is an ImportError."""
    before = {name: sys.modules[name] for name in modules if name in sys.modules}
    sys.modules.update(modules)  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in modules:
            del sys.modules[name]
        sys.modules.update(before)


@contextlib.contextmanager
def _no_compiler() -> Iterator[None]:
    """torch's compiler is taken for absent, which diffusers knows how to live with."""
    with (
        _standing_in({"torch._dynamo": None}),
        _set((torch.compiler, "disable", _as_it_is)),
    ):
        yield


def _later_transformers() -> Mapping[str, ModuleType]:
    """What diffusers' pipelines ask of transformers to load its models, which none of ours is."""
    made = {
        name: _LaterModule(name)
        for name in (
            "transformers",
            "transformers.utils",
            "transformers.utils.quantization_config",
        )
    }
    top, utils, quantization = made.values()
    top.__version__ = importlib.metadata.version("transformers")  # type: ignore[attr-defined]
    top.PreTrainedModel = _later(  # type: ignore[attr-defined]
        "PreTrainedModel", "transformers.modeling_utils"
    )
    utils.SAFE_WEIGHTS_NAME = "model.safetensors"  # type: ignore[attr-defined]
    utils.WEIGHTS_NAME = "pytorch_model.bin"  # type: ignore[attr-defined]
    quantization.QuantizationConfigMixin = _later(  # type: ignore[attr-defined]
        "QuantizationConfigMixin", quantization.__name__
    )
    return made


def _import_without_the_rest() -> None:
    with (
        _no_compiler(),
        _set((importlib.metadata, "packages_distributions", _LaterDistributions)),
    ):
        torch_utils = importlib.import_module("diffusers.utils.torch_utils")
    plain: Callable[[object], bool] = torch_utils.is_compiled_module

    def is_compiled_module(module: object) -> bool:
        """Without the compiler loaded nobody can have compiled anything; asking would load it."""
        return "torch._dynamo" in sys.modules and plain(module)

    models = importlib.import_module("diffusers.models")
    autoencoder = _later("AutoencoderKL", "diffusers.models.autoencoders.autoencoder_kl")
    torch_utils.is_compiled_module = is_compiled_module  # type: ignore[attr-defined]
    with (
        _no_compiler(),
        _set((models, "AutoencoderKL", autoencoder)),
        _standing_in(_later_transformers()),
    ):
        importlib.import_module("diffusers.pipelines.pipeline_utils")

    available = importlib.import_module("diffusers.utils.import_utils")
    with _set((available, "_scipy_available", False)):
        flow_matching = importlib.import_module(
            "diffusers.schedulers.scheduling_flow_match_euler_discrete"
        )
    flow_matching.scipy = scipy  # type: ignore[attr-defined]  # its parts load when asked for


try:
    if not {"diffusers", "torch._dynamo"} & sys.modules.keys():
        _import_without_the_rest()

    import diffusers
    from diffusers import (
        ConfigMixin,
        DiffusionPipeline,
        FlowMatchEulerDiscreteScheduler,
        ModelMixin,
        SchedulerMixin,
    )
    from diffusers.configuration_utils import register_to_config
    from diffusers.utils import logging as diffusers_logging
except ModuleNotFoundError as error:
    if error.name != "diffusers":
        raise
    # Training takes the networks alone, which do without.
    from pixmus.plain_base import (
        ConfigMixin,
        ModelMixin,
        register_to_config,
    )

    def __getattr__(name: str) -> Any:
        """Nothing else is here: whoever asks is told what is missing."""
        if name.startswith("__"):  # what the import system asks of every module
            raise AttributeError(name)
        raise ModuleNotFoundError("No module named 'diffusers'", name="diffusers")


def diffusers_class(name: str) -> Any:
    """Any other class of diffusers, loaded when it is asked for."""
    return getattr(diffusers, name)


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
    "diffusers_class",
    "diffusers_logging",
    "loading_components",
    "register_to_config",
]
