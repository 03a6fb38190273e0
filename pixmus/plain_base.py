"""What the networks take from diffusers, in a few lines, for where diffusers is not installed.

A network built on it learns and answers as it does on diffusers' classes; from and to model folders
only those can load and save.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from torch import nn


class Config(dict[str, Any]):
    """The arguments that a network was made with, also as attributes."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class ConfigMixin:
    """Something that keeps its arguments in `config`."""


class ModelMixin(nn.Module):
    """A network."""


def register_to_config(init: Callable[..., None]) -> Callable[..., None]:
    """An `__init__` whose arguments, defaults included, are kept in `config`."""
    signature = inspect.signature(init)

    @wraps(init)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> None:
        given = signature.bind(self, *args, **kwargs)
        given.apply_defaults()
        init(self, *args, **kwargs)
        names = list(signature.parameters)[1:]
        self.config = Config({name: given.arguments[name] for name in names})

    return wrapped
