"""The values of the catalogue: the operations of an app, and the errors that they can answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from .._core.marks import Mark
from .._core.statuses import Retry
from .._guards.raises import RAISES

#: The cause of an error that ``errors.convert`` makes.
CONVERT = "convert"
#: The cause of an error that was found in the source.
SOURCE = "source"
#: The causes of errors that an author declared. The others come and go with a guard, a limit or a
#: setting.
DECLARED_CAUSES = (RAISES, CONVERT)


@dataclass(frozen=True, slots=True)
class HeaderField:
    """A header field of an error."""

    #: The name, such as ``Retry-After``.
    name: str
    #: What the field tells a client. It is empty for an author's own fields.
    meaning: str
    #: A value that the field can have.
    example: str


@dataclass(frozen=True, slots=True)
class Occurrence:
    """An error at one operation."""

    #: The endpoint, as ``flask routes`` shows it.
    endpoint: str
    #: The method.
    method: str
    #: The URL rule.
    rule: str
    #: The status code, 400 to 599.
    status: int
    #: The code of the error. :meth:`Catalogue.error` finds its entry.
    code: str
    #: What makes the error possible: the name of a guard, the name of a configuration key, or
    #: ``routing``, ``method``, ``raises``, ``source``, ``convert``, ``unavailable_when`` or
    #: ``crash``.
    cause: str
    #: Whether a client may send the same request again: ``never`` or ``after-delay``.
    retry: Retry
    #: For an error that was found in the source, where it is raised, such as ``views.py:12``.
    #: It is for you: the reference page does not show it.
    place: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one URL rule."""

    #: The URL rule, such as ``/vessels/<int:imo>``.
    rule: str
    #: The method.
    method: str
    #: The endpoint, as ``flask routes`` shows it.
    endpoint: str
    #: The first paragraph of the view's docstring.
    summary: str
    #: The marks of the guards, the innermost decorator's first.
    guards: tuple[Mark, ...]
    #: The rate limits in words, such as ``10 per 1 second``.
    limits: tuple[str, ...]
    #: The errors that the operation can answer, by status and name.
    errors: tuple[Occurrence, ...]
    #: Where the source raises an exception without saying which one, such as ``views.py:12``: the
    #: operation can answer errors that are not among ``errors``. It names the view itself if its
    #: source cannot be read.
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One error: what it means, what to do about it, what it looks like, and where it occurs."""

    #: A short name that never changes, such as ``vessel-not-found``. It is the last part of the
    #: address of the error's page.
    code: str
    #: The ``type`` in the problem+json body (RFC 9457 section 3.1.1).
    type: str
    #: The status code, 400 to 599.
    status: int
    #: The title, which is the same for every occurrence.
    title: str
    #: What the error means.
    meaning: str
    #: What a client can do about it.
    action: str
    #: Whether a client may send the same request again: ``never``, ``after-delay`` or
    #: ``if-idempotent``.
    retry: Retry
    #: The header fields of this error, without those of every error.
    headers: tuple[HeaderField, ...]
    #: The sentence of an error for which the author wrote none.
    sentence: str
    #: An example of the plain body, in the shape that the app gives it: a JSON value.
    example: Any
    #: An example of the problem+json body.
    problem_example: Mapping[str, Any]
    #: Whether the error can also occur at a URL that no endpoint has.
    anywhere: bool = False
    #: The media type of the plain body.
    media_type: str = "application/json"
    #: The operations that can answer the error.
    occurrences: tuple[Occurrence, ...] = ()


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every error that an app can answer. :func:`catalogue` makes it."""

    #: The operations, by rule and method.
    operations: tuple[Operation, ...]
    #: The errors, by status and name.
    errors: tuple[Entry, ...]
    #: The header fields of every error.
    headers: tuple[HeaderField, ...]

    def error(self, code: str) -> Entry:
        """Return the entry of an error.

        :param code: The code of the error.
        :returns: The entry.
        :raises KeyError: if the app does not answer this error.
        """
        for entry in self.errors:
            if entry.code == code:
                return entry
        raise KeyError(code)

    def to_dict(self) -> dict[str, Any]:
        """Convert to values that JSON has.

        :returns: The attributes by their names. A guard has its ``name`` and its ``values``.
        """
        members: dict[str, Any] = _as_json(self)
        return members


def _as_json(value: Any) -> Any:
    if isinstance(value, Mark):
        return {"name": value.name, "values": _as_json(value.values)}
    if is_dataclass(value):
        return {field.name: _as_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): _as_json(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(item) for item in value]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
