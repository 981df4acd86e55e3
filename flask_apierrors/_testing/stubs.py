"""Stand-ins for views: during an audit, no view of the author's runs unless he asks for it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from types import CodeType, FunctionType
from typing import Any, NoReturn

from flask import Flask


class ViewReached(BaseException):
    """A request passed all guards. It is no ``Exception``, so that no handler answers it."""


class Crash(Exception):
    """What a stand-in raises to see how the app answers a bug."""


#: Code is replaced by code of its kind: anything else is deprecated since Python 3.13.
_KINDS = inspect.CO_COROUTINE | inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR
#: What a stand-in raises when a request reaches it.
_raised: Callable[[], BaseException] = ViewReached


def reached() -> NoReturn:
    """Raise what the audit asks for. Every stand-in calls it."""
    raise _raised()


@contextmanager
def views_raise(exception: Callable[[], BaseException]) -> Iterator[None]:
    """Let the stand-ins raise another exception for a while."""
    global _raised
    before, _raised = _raised, exception
    try:
        yield
    finally:
        _raised = before


@contextmanager
def stubbed(app: Flask) -> Iterator[frozenset[str]]:
    """Replace all views of an app, below their decorators.

    The code of each function is replaced, and not the function: decorators keep references to it.

    :returns: The endpoints whose views cannot be replaced, such as those in C.
    """
    originals: dict[FunctionType, CodeType] = {}
    untouched = set()
    for endpoint, view in app.view_functions.items():
        functions = list(_functions_of(view))
        if not functions:
            untouched.add(endpoint)
        for function in functions:
            originals.setdefault(function, function.__code__)
    try:
        for function, code in originals.items():
            kind = code.co_flags & _KINDS
            function.__code__ = _stub(len(code.co_freevars), kind)
        yield frozenset(untouched)
    finally:
        for function, code in originals.items():
            function.__code__ = code


def _functions_of(view: Any) -> Iterator[FunctionType]:
    """Yield the author's functions that a view ends in: itself, or the methods of its class."""
    cls = getattr(view, "view_class", None)
    if cls is None:
        candidates = [view]
    else:
        names = [method.lower() for method in cls.methods or ()]
        candidates = [getattr(cls, name, None) for name in names]
        candidates = candidates if any(candidates) else [cls.dispatch_request]
    for candidate in candidates:
        function = inspect.unwrap(candidate) if candidate is not None else None
        if isinstance(function, FunctionType):
            yield function


@cache
def _stub(free_variables: int, kind: int) -> CodeType:
    """Make code that fits a function with so many variables of its surroundings.

    :param kind: Its flags: whether it is ``async def``, and whether it is a generator.
    """
    names = [f"v{index}" for index in range(free_variables)]
    is_async = kind & (inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR)
    is_generator = kind & (inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR)
    lines = [
        f"def outer({', '.join(names)}):",
        f"    {'async ' if is_async else ''}def stub(*args, **kwargs):",
        f"        ({', '.join(names)})" if names else "        pass",
        f"        from {__name__} import reached",
        "        reached()",
        "        yield" if is_generator else "",
        "    return stub",
    ]
    namespace: dict[str, Any] = {}
    exec("\n".join(lines), namespace)  # noqa: S102 - the text is ours
    stub: FunctionType = namespace["outer"](*names)
    return stub.__code__
