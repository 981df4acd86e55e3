"""What other libraries' decorators leave behind: wrappers, told apart by where they are written."""

from __future__ import annotations

from typing import Any


def closure_of(function: object, module: str, name: str) -> dict[str, Any] | None:
    """Return the variables that a wrapper keeps of the function that made it.

    ``functools.wraps`` gives a wrapper the name and the module of the view, but its code and its
    globals stay its own.

    :param module: The module that the wrapper is written in.
    :param name: The name that the wrapper has there.
    :returns: ``None`` for any other function.
    """
    code = getattr(function, "__code__", None)
    module_globals = getattr(function, "__globals__", {})
    if code is None or code.co_name != name or module_globals.get("__name__") != module:
        return None
    cells = getattr(function, "__closure__", None) or ()
    return {
        variable: cell.cell_contents for variable, cell in zip(code.co_freevars, cells, strict=True)
    }
