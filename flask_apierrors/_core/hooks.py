"""The functions that an author registers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from .errors import Problem
from .scheme import Scheme

Converter = Callable[[Any], Any]


@dataclass(slots=True)
class Hooks:
    """The author's functions. They are the same for every app of one ``ApiErrors``."""

    #: The ways to authenticate that have a function.
    schemes: tuple[Scheme, ...] = ()
    permissions_of: Callable[[Any], Any] | None = None
    format: Callable[[Problem], Any] | None = None
    unavailable_when: Callable[[], Any] | None = None
    #: Patterns of the endpoints that stay available then.
    available: tuple[str, ...] = ()
    request_id_from: Callable[[], object] | None = None
    converters: dict[type[Exception], Converter] = field(default_factory=dict)
    #: The Limiter whose decorators hold for all apps: see ``_limits``.
    limiter: Any = None
    #: The guards of ``errors.guard``: see ``_guards.scope``.
    scopes: tuple[Any, ...] = ()
    #: The guards of ``errors.declare_guard``: see ``_guards.foreign``.
    declared_guards: tuple[Any, ...] = ()
    #: Patterns of the endpoints that need no guard. ``None``: no endpoint has to have one.
    unguarded: tuple[str, ...] | None = None
    #: Patterns of the endpoints that are not published.
    hidden: tuple[str, ...] = ()

    def add_scheme(self, scheme: Scheme) -> None:
        """Add a scheme, or replace the one that has its name and reads the same credentials.

        Schemes whose credentials browsers send by themselves come last.

        :raises ValueError: if two schemes would have one name, or read the same credentials.
        """
        others = []
        for other in self.schemes:
            has_name = other.name.lower() == scheme.name.lower()
            reads_same = other.security_scheme == scheme.security_scheme
            if has_name and not reads_same:
                raise ValueError(
                    f"There is a scheme {other.name!r} already, which reads other credentials. "
                    'Give this one a name of its own: name="...".'
                )
            if reads_same and not has_name:
                raise ValueError(
                    f"The scheme {other.name!r} reads the same credentials as {scheme.name!r}. "
                    "Verify them in one function."
                )
            if not has_name:
                others.append(other)
        self.schemes = tuple(sorted((*others, scheme), key=lambda scheme: scheme.is_ambient))


def exceptions_of(except_: Iterable[str]) -> tuple[str, ...]:
    """Return the endpoints of a parameter ``except_``.

    :raises TypeError: for a text, whose letters would be the endpoints.
    """
    if isinstance(except_, str):
        raise TypeError(f"except_={except_!r}: give a tuple of endpoints, ({except_!r},).")
    return tuple(except_)


def is_named(endpoint: str | None, patterns: Iterable[str]) -> bool:
    """Whether a pattern, such as ``admin.*``, names an endpoint."""
    return endpoint is not None and any(fnmatchcase(endpoint, pattern) for pattern in patterns)
