"""The guards of other libraries, which the catalogue knows by what their wrappers are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._core.marks import Mark
from . import (
    authlib,
    httpauth,
    jwt_extended,
    login,
    principal,
    security,
    smorest,
)

#: Each takes one wrapper of a view. It returns what the wrapper means, or ``None`` for any other.
GUARD_MARKS: tuple[Callable[[Callable[..., Any]], Mark | None], ...] = (
    authlib.guard_mark,
    httpauth.guard_mark,
    jwt_extended.guard_mark,
    login.guard_mark,
    principal.guard_mark,
    security.guard_mark,
    smorest.guard_mark,
)
