"""The calls that an exception went through: what a library knew, and does not say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from traceback import walk_tb
from typing import Any


def variables_of(exc: Exception, module: str, name: str) -> Iterator[Mapping[str, Any]]:
    """Yield the local variables of each call of a function that an exception went through.

    :param module: The module of the function.
    :param name: Its name there, without that of its class.
    """
    for frame, _ in walk_tb(exc.__traceback__):
        if frame.f_code.co_name == name and frame.f_globals.get("__name__") == module:
            yield frame.f_locals


def went_through(exc: Exception, module: str) -> bool:
    """Whether a function of a module was running when an exception was raised."""
    frames = (frame for frame, _ in walk_tb(exc.__traceback__))
    return any(frame.f_globals.get("__name__") == module for frame in frames)
