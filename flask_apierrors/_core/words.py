"""The words of an author: a text, or a dict, a list or an exception that holds one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from enum import Enum
from itertools import islice
from typing import Any, NamedTuple

from flask import Request
from werkzeug.exceptions import HTTPException

from .config import SENTENCE_NAMES, Config
from .errors import FieldError
from .http import HeaderPairs, header_pairs
from .origin import locate
from .sentences import Sentence
from .text import as_text, has_text
from .validation import Invalid, describe

#: The members of ``data`` that are read by their names, or that no library sends.
_OF_DATA = ("message", "messages", "errors", "headers", "schema")
#: The statuses whose errors are those of a validator.
_OF_VALIDATION = (400, 422)
_ERRORS = (FieldError, Mapping)
_MAX_TEXTS = 20
_MAX_DEPTH = 8


class Words(NamedTuple):
    """What an author says about an error."""

    #: The sentence. ``None``: there is none.
    text: str | Sentence | None = None
    #: What stands beside the sentence.
    members: Mapping[str, Any] = {}
    #: The single mistakes.
    errors: tuple[FieldError | Mapping[str, Any], ...] = ()
    #: Header fields.
    headers: HeaderPairs = ()
    #: Whether this is what a validator found wrong.
    is_validation: bool = False


def words_of(value: object, status: int, req: Request, config: Config) -> Words:
    """Read what an author gave as the text of an error. Never raises.

    :param value: A text, a number, an exception, a list of these, or a mapping. One member of a
        mapping is its sentence, its ``errors`` are the single mistakes, and the others stand
        beside it. Lists of texts by field are what a validator found wrong.
    """
    try:
        return _words_of(value, status, req, config)
    except Exception:  # a text or a mapping whose methods fail
        return Words()


def _words_of(value: object, status: int, req: Request, config: Config) -> Words:
    if isinstance(value, BaseException) and _has_only_arguments(value) and len(value.args) == 1:
        value = value.args[0]
    if not isinstance(value, Mapping):
        return Words(sentence_of(value))
    text, members = _split(value)
    errors = members.get("errors")
    if errors is None and _is_tree(value, has_bare_texts=False):
        text, errors = None, value
    words = _words_of_errors(errors, status, req, config)
    if words is None:
        return Words(text or sentence_of(value), members)
    members.pop("errors", None)
    return words._replace(text=text or words.text, members=members)


def words_of_data(
    exc: HTTPException,
    data: Mapping[Any, Any],
    invalid: Invalid | None,
    req: Request,
    config: Config,
) -> Words:
    """Read what webargs' ``abort`` and its like hang on an exception as ``data``.

    :param invalid: What a validator found wrong, if that is in it.
    """
    status = exc.code or 0
    own = {name: data[name] for name in ("message", "errors") if name in data}
    words = words_of(own, status, req, config) if own else Words()
    if invalid is not None:
        text = sentence_of(data.get("message"))
        words = words_of_invalid(invalid, config)
        is_validation = status in _OF_VALIDATION or "messages" in data
        words = words._replace(text=text or words.text, is_validation=is_validation)
    members = dict(words.members)
    # flask-smorest, which keeps `exc`, never sends what else is there.
    if "exc" not in vars(exc):
        members |= {as_text(key): data[key] for key in data if key not in _OF_DATA}
    return words._replace(members=members, headers=header_pairs(data.get("headers")))


def words_of_invalid(invalid: Invalid, config: Config) -> Words:
    """Put what a validator found wrong in words."""
    text: str | Sentence | None = invalid.sentence or None
    # Without a text of the administrator's, the sentence is that of the errors.
    if text is not None and config.messages:
        text = Sentence("validation-failed", errors=text)
    return Words(text, errors=invalid.errors, is_validation=True)


def sentence_of(value: object) -> str | None:
    """Put a value in one sentence. Python's ``repr`` is never a part of it.

    An object without a text of its own says nothing. Each text in a mapping follows its name, as
    in ``depth: Too shallow.; code: 12``.
    """
    return "; ".join(islice(_texts(value), _MAX_TEXTS)) or None


def _split(value: Mapping[Any, Any], levels: int = 1) -> tuple[str | None, dict[str, Any]]:
    """Split a mapping into its sentence and the rest.

    The sentence may be one level down: ``{"error": {"message": "Too shallow.", "code": 12}}``.
    """
    members = {as_text(key): member for key, member in value.items()}
    for name in SENTENCE_NAMES:
        member = members.get(name)
        inner: dict[str, Any] = {}
        if isinstance(member, Mapping) and levels:
            text, inner = _split(member, levels - 1)
            text = text or sentence_of(member)
        else:
            text = sentence_of(member)
        if text is not None:
            del members[name]
            return text, members | inner
    return None, members


def _words_of_errors(errors: object, status: int, req: Request, config: Config) -> Words | None:
    """Read single mistakes: a text, a list of them, or texts by field."""
    if isinstance(errors, str):
        errors = [errors]
    if isinstance(errors, list | tuple):
        items = [error if isinstance(error, _ERRORS) else sentence_of(error) for error in errors]
        texts = "; ".join([item for item in items if isinstance(item, str)])
        return Words(
            texts or None,
            errors=tuple(
                FieldError(item) if isinstance(item, str) else item for item in items if item
            ),
        )
    if status not in _OF_VALIDATION or not _is_tree(errors, has_bare_texts=True):
        return None
    invalid = describe(errors, config.max_errors, locate(None, req), config.text_of)
    return words_of_invalid(invalid, config)


def _texts(value: object, name: str = "", depth: int = _MAX_DEPTH) -> Iterator[str]:
    """Yield the texts in a value, each after the name that it has in a mapping."""
    if isinstance(value, BaseException) and _has_only_arguments(value):
        value = value.args
    if isinstance(value, Mapping) and depth:
        for key, member in value.items():
            yield from _texts(member, f"{name}.{as_text(key)}".lstrip("."), depth - 1)
    elif isinstance(value, list | tuple | Set) and depth:
        for item in value:
            yield from _texts(item, name, depth - 1)
    else:
        text = _text(value)
        if text is not None and text.strip():
            yield f"{name}: {text}" if name else text


def _text(value: object) -> str | None:
    """Return the text of a single value, or ``None`` if its class does not write one."""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | bytes | bytearray | int | float):
        return as_text(value)
    return as_text(str(value)) if has_text(value) else None


def _has_only_arguments(exc: BaseException) -> bool:
    """Whether the text of an exception is that of its arguments, as Python writes them."""
    return type(exc).__str__ in (BaseException.__str__, KeyError.__str__)


def _is_tree(value: object, has_bare_texts: bool, depth: int = _MAX_DEPTH) -> bool:
    """Whether a mapping holds lists of texts, or such mappings, or bare texts if they may be."""
    return (
        isinstance(value, Mapping)
        and bool(depth and value)
        and all(
            _is_tree(part, has_bare_texts, depth - 1)
            or (
                isinstance(part, list)
                and bool(part)
                and all(isinstance(item, str) for item in part)
            )
            or (has_bare_texts and isinstance(part, str))
            for part in value.values()
        )
    )
