"""The sentences of this package: one table, and how an administrator's texts replace them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from werkzeug.http import HTTP_STATUS_CODES

from .statuses import STATUSES
from .text import as_text

#: The sentences that say more than the one of their status, and the parts that sentences are
#: made of. ``APIERRORS_MESSAGES`` replaces each by its name.
NAMED = {
    # 401
    "authentication-required": "Authentication is required.",
    "authentication-failed": "Authentication failed: {reason}.",
    "credentials-required": "Authentication is required: the request needs {credentials}.",
    "ambiguous-credentials": (
        "Authentication failed: the request has credentials of more than one kind. Send one."
    ),
    "invalid-credentials": "Authentication failed: the credentials are invalid.",
    "malformed-authorization": (
        "Authentication failed: the Authorization header does not hold {credentials}."
    ),
    "missing-header": "Authentication failed: the {name} header is missing.",
    "missing-query": "Authentication failed: the query parameter {name} is missing.",
    "missing-cookie": "Authentication failed: the cookie {name} is missing.",
    "malformed-key": "Authentication failed: the API key is malformed.",
    "invalid-key": "Authentication failed: the API key is invalid.",
    "malformed-login": "Authentication failed: the Basic credentials are malformed.",
    "invalid-login": "Authentication failed: the username or the password is wrong.",
    "malformed-token": "Authentication failed: the Bearer token is malformed.",
    "invalid-token": "Authentication failed: the Bearer token is invalid or expired.",
    "unverifiable-token": "Authentication failed: the Bearer token is invalid.",
    "expired-token": "Authentication failed: the Bearer token has expired.",
    "immature-token": "Authentication failed: the Bearer token is not valid yet.",
    "wrong-audience": "Authentication failed: the Bearer token is meant for another audience.",
    "wrong-issuer": "Authentication failed: the Bearer token comes from another issuer.",
    "missing-claim": "Authentication failed: the Bearer token lacks a required claim.",
    "wrong-signature": (
        "Authentication failed: the Bearer token is invalid: its signature does not match."
    ),
    "revoked-token": "Authentication failed: the token has been revoked.",
    "unknown-user": "Authentication failed: the user of the token does not exist.",
    "fresh-token-required": "Authentication failed: a fresh token is required. Log in again.",
    "fresh-login-required": "Authentication failed: a fresh login is required. Log in again.",
    # 400: validation
    "validation-failed": "{errors}",
    "invalid-field": "Invalid '{name}': {message}",
    "invalid-typed-field": "Invalid '{name}' {kind}: {message}",
    "invalid-value": "Invalid value.",
    "more-errors": "and {count} more",
    # 400: validation with JSON Schema, by keyword
    "schema-additionalProperties": "Unknown field.",
    "schema-const": "Must be {value}.",
    "schema-enum": "Must be one of: {value}.",
    "schema-exclusiveMaximum": "Must be less than {value}.",
    "schema-exclusiveMinimum": "Must be greater than {value}.",
    "schema-format": "Not a valid {value}.",
    "schema-maxItems": "Longer than {value} items.",
    "schema-maxLength": "Longer than {value} characters.",
    "schema-maximum": "Must be less than or equal to {value}.",
    "schema-minItems": "Shorter than {value} items.",
    "schema-minLength": "Shorter than {value} characters.",
    "schema-minimum": "Must be greater than or equal to {value}.",
    "schema-multipleOf": "Must be a multiple of {value}.",
    "schema-pattern": "Does not match the pattern {value}.",
    "schema-required": "Missing data for required field.",
    "schema-type": "Must be of type {value}.",
    "schema-uniqueItems": "The items must be different.",
    # 400: JSON
    "malformed-json": "Malformed JSON: {problem}.",
    "json-syntax": "{reason} at line {line} column {column}",
    "json-empty": "the body is empty",
    "json-encoding": "it is not UTF-8 at byte {byte}",
    "json-undecodable": "it cannot be decoded",
    "json-constant": "{constant} is not a JSON number",
    "json-number-size": "a number is too large",
    "json-number-infinite": "a number is not finite",
    "json-integer-length": "an integer is too long",
    "json-depth": "it is nested too deeply",
    "json-surrogate": "a text holds half a surrogate pair",
    # 400: the rest of the request
    "malformed-query": "The query string is not UTF-8.",
    "malformed-form": "Malformed form: {problem}.",
    "form-boundary": "the Content-Type header has no boundary",
    "form-encoding": "it is not UTF-8 at byte {byte}",
    "form-syntax": "it cannot be parsed",
    "missing-key": "The request has no '{name}'.",
    "truncated-body": "The request body is shorter than its Content-Length.",
    "unreadable-body": "The request body could not be read to its end.",
    # 411, 413, 415
    "chunked-body": "The server cannot read a chunked body. Send a Content-Length header.",
    "form-parts": "The form has more than {limit} parts.",
    "form-field-size": "A field of the form is larger than {limit} bytes.",
    "unsupported-encoding": "Unsupported Content-Encoding. Send the body uncompressed.",
    # 429
    "cost-over-limit": "This request alone exceeds the limit of {limit}.",
    # other parts
    "titled": "{title}.",
    "several-types": "one of {types}",
    "unknown-error": "No error of this type is known.",
}
#: Sentences that say what is wrong with this request. A text for their status is no substitute.
_SPECIFIC = frozenset(
    {
        "validation-failed",
        "malformed-json",
        "malformed-query",
        "malformed-form",
        "missing-key",
        "truncated-body",
        "unreadable-body",
        "chunked-body",
        "form-parts",
        "form-field-size",
        "unsupported-encoding",
        "cost-over-limit",
        "unknown-error",
    }
)
PLACEHOLDER = re.compile(r"\{(\w+)\}")


class Sentence:
    """A sentence of this package, as data: its key in the table and the values to fill in.

    It becomes text when the body is made, and not before. Its ``str()`` is the English default.

    :param key: A status, or a name in :data:`NAMED`.
    :param values: The values of the placeholders. A value may be a ``Sentence``.
    """

    __slots__ = ("_text", "key", "values")

    def __init__(self, key: int | str, /, **values: object) -> None:
        self.key: int | str = key
        self.values: dict[str, object] = values
        self._text: str | None = None

    def __str__(self) -> str:
        if self._text is None:
            self._text = _default_text(self.key, self.values)
        return self._text


def text_of(
    sentence: Sentence,
    messages: Mapping[int | str, Any],
    status: int | None = None,
    code: str | None = None,
) -> str:
    """Make the text of a sentence.

    :param messages: ``APIERRORS_MESSAGES``. A text for the name of the sentence comes first, then
        one for the code of the error, then one for its status.
    """
    key, values = sentence.key, sentence.values
    if not messages:
        return sentence._text or str(sentence)
    values = {
        name: text_of(value, messages) if isinstance(value, Sentence) else value
        for name, value in values.items()
    }
    for name in (key if isinstance(key, str) else None, code, None if key in _SPECIFIC else status):
        message = messages.get(name) if name is not None else None
        text = "" if message is None else as_text(message).strip()
        if text:
            return _fill(text, values, key)
    return _default_text(key, values)


def _plain_text(key: int | str) -> str:
    """The default text of a sentence without values."""
    if isinstance(key, str):
        return NAMED[key]
    row = STATUSES.get(key)
    return (row.short or row.sentence) if row else f"{HTTP_STATUS_CODES.get(key, 'Unknown Error')}."


def _default_text(key: int | str, values: Mapping[str, object]) -> str:
    if values and isinstance(key, str):
        return NAMED[key].format_map(values)
    row = STATUSES.get(key) if isinstance(key, int) else None
    if row is None or not values:
        return _plain_text(key)
    try:
        return row.sentence.format_map(values)
    except KeyError:
        return row.short.format_map(values)


def placeholders_of(key: int | str) -> list[str]:
    """Return the names of the placeholders of a sentence."""
    if isinstance(key, str):
        return PLACEHOLDER.findall(NAMED[key])
    return PLACEHOLDER.findall(STATUSES[key].sentence) if key in STATUSES else []


def _fill(text: str, values: Mapping[str, object], key: int | str) -> str:
    """Fill the placeholders that the sentence has. Other braces are the administrator's own."""
    if "{" not in text:
        return text
    names = {*values, *placeholders_of(key)}

    def value_of(match: re.Match[str]) -> str:
        return as_text(values.get(match[1], "")) if match[1] in names else match[0]

    return PLACEHOLDER.sub(value_of, text)
