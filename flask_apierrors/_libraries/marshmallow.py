"""marshmallow: its ``ValidationError``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flask import Request

from .._core.config import Config
from .._core.origin import is_internal, locate
from .._core.pointer import MISSING, child_of
from .._core.request_headers import RequestHeaders
from .._core.validation import Dialect, Invalid, Message, Path, Place, Validator, describe

_SCHEMA = "_schema"


class Marshmallow(Validator):
    """What marshmallow finds wrong."""

    def exceptions(self) -> tuple[type[Exception], ...]:
        """Return marshmallow's exception."""
        from marshmallow import ValidationError

        return (ValidationError,)

    def functions(self) -> tuple[Callable[..., Any], ...]:
        """Return what loads."""
        from marshmallow import Schema

        return Schema.load, Schema.loads

    def is_internal(self, exc: Exception, req: Request) -> bool:
        """Whether a ``ValidationError`` is about data of the server's own."""
        return is_validation_error(exc) and is_internal(exc, req, getattr(exc, "data", None))

    def describe(self, exc: Exception, req: Request, config: Config) -> Invalid | None:
        """Describe a ``ValidationError``."""
        if not is_validation_error(exc):
            return None
        error: Any = exc
        # Only the normalized messages have the name of a single field.
        is_of_schema = error.field_name == _SCHEMA
        messages: Any = error.messages if is_of_schema else error.normalized_messages()
        if isinstance(error.data, RequestHeaders) and isinstance(messages, dict):
            # marshmallow takes the pairs that headers iterate over for the names.
            messages = {
                key[0] if isinstance(key, tuple) else key: node for key, node in messages.items()
            }
        location = locate(error.data, req)
        return describe(
            messages, config.max_errors, location, config.text_of, MarshmallowDialect(error.data)
        )


def example_error() -> Exception:
    """Make an error for the examples of the catalogue."""
    from marshmallow import ValidationError

    return ValidationError({"limit": ["Not a valid integer."]})


def is_validation_error(exc: object) -> bool:
    """Whether an exception is marshmallow's. If marshmallow is not imported, none is."""
    marshmallow = sys.modules.get("marshmallow")
    return marshmallow is not None and isinstance(exc, marshmallow.ValidationError)


class MarshmallowDialect(Dialect):
    """marshmallow's trees. Some of their keys are words of its own.

    Only the data tells those words from the names of fields.

    :param data: The data that was validated. ``None``: it is not known.
    """

    def __init__(self, data: object = None) -> None:
        self._data = MISSING if data is None else data

    def place(self, path: Path, text: object) -> Place:
        """Leave out marshmallow's words, and end the path where the data ends.

        ``_schema`` is the whole, ``key`` and ``value`` are those of an entry of a ``Dict``, and a
        ``Pluck`` adds the name of a field that only the server has.
        """
        names: list[str | int] = []
        length: int | None = None  # of the part that is in the request
        node, is_entry = self._data, False
        for position, step in enumerate(path):
            below = child_of(node, step)
            following = path[position + 1 :]
            if step == _SCHEMA and below is MISSING:
                continue
            if is_entry and step in ("key", "value") and _is_marker(node, step, following, text):
                is_entry = False
                continue
            if names and not _may_have(node, step):
                length = len(names) if length is None else length
                if isinstance(step, str) and not following:
                    continue
            names.append(step)
            node = below
            # A marker follows the name of an entry, which follows the name or index of its Dict.
            is_entry = position > 0 and isinstance(step, str)
        return Place(tuple(names[:length]), tuple(names))

    def messages(
        self, node: Mapping[Any, Any], path: Path | None = None
    ) -> Sequence[Message] | None:
        """Read a message that is a dict, such as ``{"message": "Required.", "code": "missing"}``.

        The values of a message are no lists, and the data has no field called ``message`` there.
        """
        members = {name: value for name, value in node.items() if name not in (_SCHEMA, "params")}
        if any(isinstance(value, list | dict) for value in members.values()):
            return None
        if path is not None and not self._is_message(node, path):
            return None
        text, code = members.pop("message"), members.pop("code", None)
        params = node.get("params")
        if isinstance(params, Mapping):
            members |= params
        others = node.get(_SCHEMA, [])
        return [
            Message(text, code, members or None),
            *map(Message, others if isinstance(others, list) else [others]),
        ]

    def _is_message(self, node: Mapping[Any, Any], path: Path) -> bool:
        if path and path[-1] == _SCHEMA:
            return True
        value = self._data
        for step in self.place(path, None).path:
            value = child_of(value, step)
        if path:
            return child_of(value, "message") is MISSING
        # marshmallow merges the dict that a validator of a schema raises with those of fields.
        return "code" in node and isinstance(value, Mapping) and not node.keys() & value.keys()


def _is_marker(node: object, step: str | int, following: Path, text: object) -> bool:
    """Whether ``key`` or ``value`` is marshmallow's word, and not a field in the entry."""
    if not isinstance(node, Mapping):
        return node is not MISSING
    below = child_of(node, step)
    if not following:
        # The key and the value of an entry are never missing. A field may be.
        return below is MISSING and text != _required_text()
    if below is MISSING:
        return True
    below_fits = child_of(below, following[0]) is not MISSING
    return not below_fits and (
        not isinstance(below, Mapping | list) or child_of(node, following[0]) is not MISSING
    )


def _required_text() -> object:
    from marshmallow.fields import Field

    return Field.default_error_messages["required"]


def _may_have(node: object, step: str | int) -> bool:
    """Whether a value of the data can have a part that is called so."""
    if isinstance(node, list):
        return isinstance(step, int)
    return node is MISSING or isinstance(node, Mapping)
