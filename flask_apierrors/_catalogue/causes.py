"""Which errors can occur at a route, and what causes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from werkzeug.exceptions import HTTPException

from .._core.errors import ApiError, InvalidToken, ValidationFailed, code_of_status, code_of_type
from .._core.hooks import is_named
from .._core.http import BODILESS_METHODS
from .._core.marks import Mark
from .._core.state import AppState
from .._libraries.validators import validation_errors
from .._limits.rate_limit import RATE_LIMIT
from .._limits.refusals import QuotaExceeded
from .._limits.wiring import refuses_without_storage
from .classes import classes_of
from .exits import Exit
from .model import CONVERT, SOURCE
from .routes import Limits, Route, is_selective, limits_at

#: The cause of the 503 of a maintenance.
UNAVAILABLE = "unavailable_when"
_ApiErrorClass = type[ApiError]


class Kind(NamedTuple):
    """An error that is not explained yet."""

    status: int
    code: str
    #: The author's class, if there is one.
    cls: _ApiErrorClass | None = None


class Cause(NamedTuple):
    """An error and the name of its cause, as ``Occurrence.cause`` shows it."""

    kind: Kind
    name: str
    #: Where the source raises the error.
    place: str = ""


def causes_at(
    route: Route, exits: Iterable[Exit], common: Iterable[Cause], state: AppState
) -> list[Cause]:
    """Return what can go wrong at a route: the first cause of each error.

    :param exits: The exits of the view.
    :param common: The result of :func:`common_causes`.
    """
    causes = [
        Cause(kind, mark.name) for mark in route.marks for kind in _kinds_of_mark(mark, state)
    ]
    causes += _causes_of_limits(route.limits, state)
    causes += _causes_in_source(exits, state)
    if is_selective(route.rule):
        causes.append(Cause(bare(404), "routing"))
    causes.append(Cause(bare(405), "method"))
    is_limited = state.app.config.get("MAX_CONTENT_LENGTH") is not None
    if is_limited and route.method not in BODILESS_METHODS:
        causes.append(Cause(bare(413), "MAX_CONTENT_LENGTH"))
    is_available = is_named(route.endpoint, state.hooks.available)
    causes += (cause for cause in common if not is_available or cause.name != UNAVAILABLE)
    return list({cause.kind.code: cause for cause in reversed(causes)}.values())


def _causes_of_limits(limits: Limits, state: AppState) -> list[Cause]:
    if not limits.texts:
        return []
    causes = [Cause(_kind_of_class(QuotaExceeded, state), RATE_LIMIT)]
    if refuses_without_storage(state):
        causes.append(Cause(bare(503), "RATELIMIT_STORAGE_URI"))
    return causes


def _causes_in_source(exits: Iterable[Exit], state: AppState) -> Iterator[Cause]:
    for each in exits:
        yield from (Cause(kind, SOURCE, each.place) for kind in _kinds_of_exit(each, state))


def unknown_places(exits: Iterable[Exit], state: AppState) -> tuple[str, ...]:
    """Return where a view raises something that nobody knows the answer to."""
    return tuple(
        each.place
        for each in exits
        if each.error is None
        or (_is_answer(each.error, state) and not any(_kinds_of_exit(each, state)))
    )


def _kinds_of_exit(each: Exit, state: AppState) -> Iterator[Kind]:
    """Yield what an exception in the source becomes. One that nothing answers is a crash."""
    error = each.error
    if error is None or not _is_answer(error, state):
        return
    if each.status is not None and issubclass(error, HTTPException):
        yield _kind_of_class(error, state, each.status)
    else:
        yield from kinds_of_error(error, state)


def _is_answer(cls: type[BaseException], state: AppState) -> bool:
    if issubclass(cls, HTTPException):
        return cls.code is None or cls.code >= 400
    return issubclass(cls, validation_errors()) or _converted_base(cls, state) is not None


def common_causes(routes: Iterable[Route], exits: Iterable[Exit], state: AppState) -> list[Cause]:
    """Return what can go wrong at every route.

    A converted exception can come from every view, unless it is known which views raise it.
    """
    raised: list[type[BaseException]] = [
        cls for route in routes for mark in route.marks for cls in mark.errors
    ]
    raised += [each.error for each in exits if each.error is not None]
    declared = {_converted_base(cls, state) for cls in raised}
    causes = causes_anywhere(state)
    for cls in state.hooks.converters:
        if cls not in declared:
            causes += (Cause(kind, CONVERT) for kind in kinds_of_error(cls, state))
    return [*causes, Cause(bare(500), "crash")]


def causes_anywhere(state: AppState) -> list[Cause]:
    """Return what can go wrong at every URL, even one without a route."""
    causes = _causes_of_limits(limits_at(None, "GET", state), state)
    if state.hooks.unavailable_when is not None:
        causes.append(Cause(bare(503), UNAVAILABLE))
    if state.app.config.get("TRUSTED_HOSTS"):
        causes.append(Cause(bare(400), "TRUSTED_HOSTS"))
    return causes


def bare(status: int) -> Kind:
    """Return the error that has a status and no class of an author."""
    return Kind(status, code_of_status(status))


def _kinds_of_mark(mark: Mark, state: AppState) -> Iterator[Kind]:
    yield from map(bare, mark.statuses)
    for cls in mark.errors:
        yield from kinds_of_error(cls, state)


def kinds_of_error(cls: type[BaseException], state: AppState) -> Iterator[Kind]:
    """Return what an exception class becomes: the answers of its converter, else what it is."""
    base = _converted_base(cls, state)
    if base is not None:
        for answer in _declared_answers(state.hooks.converters[base]):
            yield _kind_of_class(answer, state)
    elif issubclass(cls, validation_errors()):
        yield Kind(state.config.validation_status, "validation-failed")
    elif issubclass(cls, HTTPException):
        yield _kind_of_class(cls, state)
    else:
        yield bare(500)


def _converted_base(cls: type[BaseException], state: AppState) -> type[Exception] | None:
    """Return the nearest base class that has a converter."""
    return next((base for base in cls.__mro__ if base in state.hooks.converters), None)


def _declared_answers(converter: Any) -> Iterator[type[HTTPException]]:
    """Return the classes in the return annotation of a converter, which is never called here."""
    try:
        annotation = get_type_hints(converter).get("return")
    except (NameError, TypeError, AttributeError):
        return
    is_union = get_origin(annotation) in (Union, UnionType)
    for cls in get_args(annotation) if is_union else (annotation,):
        if isinstance(cls, type) and issubclass(cls, HTTPException) and cls.code is not None:
            yield cls


def _kind_of_class(cls: type[HTTPException], state: AppState, status: int | None = None) -> Kind:
    """Return the error that a class becomes. A 500 shows its class only if it is public.

    :param status: The status, for a class without one.
    """
    if cls is ValidationFailed:
        return Kind(state.config.validation_status, "validation-failed")
    if issubclass(cls, ValidationFailed) and cls.type:
        return Kind(state.config.validation_status, code_of_type(cls.type), cls)
    status = status or cls.code or 500
    if not 400 <= status <= 599:
        return bare(500)
    if issubclass(cls, ApiError) and cls.type and (status != 500 or cls.public):
        return Kind(status, code_of_type(cls.type), cls)
    return bare(status)


def possible_kinds(routes: Iterable[Route], state: AppState) -> Iterator[Kind]:
    """Return everything that the app could answer, even at no known route: the author's first."""
    declared = {cls for route in routes for mark in route.marks for cls in mark.errors}
    own = {cls for cls in declared if issubclass(cls, ApiError)} | classes_of(state)
    # The most derived first. An error that was raised with a status has a derived class.
    derived = (
        each
        for cls in own
        for each in cls.__subclasses__()
        if (each.__module__, each.type) == (cls.__module__, cls.type)
    )
    for cls in sorted({*own, *derived}, key=lambda cls: (-len(cls.__mro__), cls.__qualname__)):
        if cls.code:
            yield _kind_of_class(cls, state)
        else:
            yield Kind(500, code_of_type(cls.type) if cls.type else code_of_status(500), cls)
    yield Kind(state.config.validation_status, "validation-failed")
    yield from (_kind_of_class(cls, state) for cls in (InvalidToken, QuotaExceeded))
    yield from map(bare, range(400, 600))
