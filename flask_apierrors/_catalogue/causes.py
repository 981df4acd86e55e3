"""What can go wrong at a route, and because of what: all that is known before anything fails."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from werkzeug.exceptions import HTTPException

from .._core.errors import ApiError, status_type
from .._core.http import BODILESS_METHODS
from .._core.state import AppState
from .._guards.marks import Mark
from .._libraries.validators import validation_errors
from .._limits.quotas import QuotaExceeded
from .._limits.wiring import refuses_without_storage
from .routes import Limits, Route, is_selective, limits_at

_ApiErrorClass = type[ApiError]


class Kind(NamedTuple):
    """An error before it is explained."""

    status: int
    type: str
    #: Its author's class, when it has one.
    cls: _ApiErrorClass | None = None


class Cause(NamedTuple):
    """What can go wrong, and because of what."""

    kind: Kind
    name: str


def causes_at(route: Route, common: Iterable[Cause], state: AppState) -> list[Cause]:
    """What can go wrong at one method of one rule; the first cause of each error."""
    causes = [
        Cause(kind, mark.name) for mark in route.marks for kind in _kinds_of_mark(mark, state)
    ]
    causes += _causes_of_limits(route.limits, state)
    if is_selective(route.rule):
        causes.append(Cause(bare(404), "routing"))
    causes.append(Cause(bare(405), "method"))
    if (
        state.app.config.get("MAX_CONTENT_LENGTH") is not None
        and route.method not in BODILESS_METHODS
    ):
        causes.append(Cause(bare(413), "MAX_CONTENT_LENGTH"))
    causes += common
    return list({cause.kind.type: cause for cause in reversed(causes)}.values())


def _causes_of_limits(limits: Limits, state: AppState) -> list[Cause]:
    if not limits.texts:
        return []
    causes = [Cause(_kind_of_class(QuotaExceeded), "rate_limit")]
    if refuses_without_storage(state):
        causes.append(Cause(bare(503), "RATELIMIT_STORAGE_URI"))
    return causes


def common_causes(routes: Iterable[Route], state: AppState) -> list[Cause]:
    """What can go wrong at every endpoint: a converted exception, too, unless the views that raise it are declared."""
    raised = (cls for route in routes for mark in route.marks for cls in mark.errors)
    declared = {_convertible(cls, state) for cls in raised}
    causes = causes_anywhere(state)
    for cls in state.hooks.converters:
        if cls not in declared:
            causes += (Cause(kind, "convert") for kind in _kinds_of_error(cls, state))
    return [*causes, Cause(bare(500), "crash")]


def causes_anywhere(state: AppState) -> list[Cause]:
    """What can go wrong at each URL, even one that nothing is routed to."""
    causes = _causes_of_limits(limits_at(None, "GET", state), state)
    if state.hooks.unavailable_when is not None:
        causes.append(Cause(bare(503), "unavailable_when"))
    if state.app.config.get("TRUSTED_HOSTS"):
        causes.append(Cause(bare(400), "TRUSTED_HOSTS"))
    return causes


def bare(status: int) -> Kind:
    """The error that is nothing but its status."""
    return Kind(status, status_type(status))


def _kinds_of_mark(mark: Mark, state: AppState) -> Iterator[Kind]:
    yield from map(bare, mark.statuses)
    for cls in mark.errors:
        yield from _kinds_of_error(cls, state)


def _kinds_of_error(cls: type[Exception], state: AppState) -> Iterator[Kind]:
    """The answers to an exception class: what its converter makes of it, else what it is."""
    converted = _convertible(cls, state)
    if converted is not None:
        yield from map(_kind_of_class, _declared_answers(state.hooks.converters[converted]))
    elif issubclass(cls, validation_errors()):
        yield Kind(state.config.validation_status, "validation-failed")
    elif issubclass(cls, HTTPException):
        yield _kind_of_class(cls)
    else:
        yield bare(500)


def _convertible(cls: type[Exception], state: AppState) -> type[Exception] | None:
    """The nearest base that has a converter."""
    return next((base for base in cls.__mro__ if base in state.hooks.converters), None)


def _declared_answers(converter: Any) -> Iterator[type[HTTPException]]:
    """The classes in a converter's return annotation: all that can be known of it without a call."""
    try:
        annotation = get_type_hints(converter).get("return")
    except (NameError, TypeError, AttributeError):
        return
    for cls in (
        get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    ):
        if isinstance(cls, type) and issubclass(cls, HTTPException) and cls.code is not None:
            yield cls


def _kind_of_class(cls: type[HTTPException]) -> Kind:
    """What an exception of this class answers: nothing is told of one that is a 500."""
    status = cls.code if isinstance(cls.code, int) and 400 <= cls.code <= 599 else 500
    if status != 500 and issubclass(cls, ApiError) and cls.type:
        return Kind(status, cls.type, cls)
    return bare(status)


def possible_kinds(state: AppState) -> Iterator[Kind]:
    """What the app could answer, whether or not a route is known to: the author's first."""
    for cls in _subclasses(ApiError):
        yield _kind_of_class(cls) if cls.code else Kind(500, cls.type or status_type(500), cls)
    yield Kind(state.config.validation_status, "validation-failed")
    yield from map(bare, range(400, 600))


def _subclasses(cls: type[ApiError]) -> Iterator[type[ApiError]]:
    """All subclasses, the most special first: those that were raised with a status have it."""
    for subclass in cls.__subclasses__():
        yield from _subclasses(subclass)
        yield subclass
