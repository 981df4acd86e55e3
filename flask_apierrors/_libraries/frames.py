"""The calls that an exception went through: what a library knew, and does not say."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from traceback import walk_tb
from typing import Any, ClassVar

from flask import Request

from .._core.config import Config


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


class OutputValidation:
    """Invalid data in a response, which is a mistake of the server. It is a ``Validator``."""

    #: The library's function that validates responses: its module, and its name there.
    function: ClassVar[tuple[str, str]]

    def exceptions(self) -> tuple[type[Exception], ...]:
        """Return nothing: the exception is that of another validator."""
        return ()

    def is_internal(self, exc: Exception, req: Request) -> bool:
        """Whether the function raised an exception."""
        # Few apps use the library, and to walk along each traceback would cost all others time.
        module, name = self.function
        return module in sys.modules and any(variables_of(exc, module, name))

    def describe(self, exc: Exception, req: Request, config: Config) -> None:
        """Return ``None``: the client did nothing wrong."""
