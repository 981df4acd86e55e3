"""The configuration: the ``APIERRORS_*`` keys, read once, checked and frozen."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from .http import ABSOLUTE_URI, TOKEN
from .sentences import NAMED, PLACEHOLDER, Sentence, placeholders_of, text_of

_PREFIX = "APIERRORS_"
#: What the plain body can tell of an error.
FACTS = (
    "error",
    "status",
    "code",
    "type",
    "title",
    "errors",
    "request_id",
    "documentation",
    "retry_after",
    "extensions",
)
#: Where the sentence of an error usually is, in this order.
SENTENCE_NAMES = ("error", "message", "msg", "detail", "description")
#: The endpoint of the reference page.
REFERENCE_ENDPOINT = "apierrors_reference"


@dataclass(frozen=True, slots=True)
class Config:
    """What an administrator can set. ``docs/configuration.md`` explains each key."""

    format: Literal["plain", "problem"] = "plain"
    members: tuple[str, ...] | Mapping[str, Any] = ("error",)
    messages: Mapping[int | str, Any] = field(default_factory=lambda: MappingProxyType({}))
    #: The members that may have the sentence of a returned error.
    adopt: tuple[str, ...] | Literal[False] = False
    type_base: str | None = None
    strict_json: bool = True
    url_prefixes: tuple[str, ...] = ()
    validation_status: int = 400
    max_errors: int = 20
    realm: str = "api"
    #: Further parameters of each challenge.
    challenge: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    retry_after: int = 30
    request_id_header: str | None = "X-Request-ID"
    reference_url: str | None = None
    rate_limits: Mapping[str, str | None] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def from_mapping(cls, config: Mapping[str, Any]) -> Config:
        """Read the ``APIERRORS_*`` keys of ``app.config``.

        :raises ValueError: for an unknown key or a wrong value. The message names the remedy.
        """
        values: dict[str, Any] = {}
        for key, value in config.items():
            if not key.startswith(_PREFIX):
                continue
            check = _CHECKS.get(key)
            if check is None:
                raise ValueError(
                    f"Unknown configuration key {key}.{_suggestion(key)} Correct it or remove it."
                )
            try:
                values[key.removeprefix(_PREFIX).lower()] = check(value)
            except ValueError as error:
                raise ValueError(f"{key} = {value!r}: {error}") from None
        return cls(**values)

    @property
    def named_members(self) -> tuple[tuple[str, Any], ...]:
        """The members of the plain body: the name of each, and a fact or a constant."""
        members = self.members
        if isinstance(members, Mapping):
            return tuple(members.items())
        return tuple((fact, fact) for fact in members)

    @property
    def challenge_parameters(self) -> tuple[tuple[str, str], ...]:
        """The parameters of each challenge: the realm comes first."""
        return (("realm", self.realm), *self.challenge.items())

    def covers(self, path: str) -> bool:
        """Whether a path belongs to the API.

        A prefix ends at a segment: ``/api`` does not cover ``/apiary``.
        """
        if not self.url_prefixes:
            return True
        return any(
            path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in ("", "/")
            for prefix in self.url_prefixes
        )

    def text_of(
        self, sentence: Sentence, status: int | None = None, code: str | None = None
    ) -> str:
        """Return the text of a sentence: the administrator's, or the default.

        A lazy text becomes text here, so that it is translated for the current request.
        """
        return text_of(sentence, self.messages, status, code)


def _suggestion(key: str) -> str:
    close = difflib.get_close_matches(key, _CHECKS, n=1)
    return f" Did you mean {close[0]}?" if close else ""


def _format(value: Any) -> str:
    if value not in ("plain", "problem"):
        raise ValueError('choose "plain" or "problem".')
    return str(value)


def _members(value: Any) -> tuple[str, ...] | Mapping[str, Any]:
    if not isinstance(value, list | tuple | Mapping):
        raise ValueError(
            'give a tuple of facts, such as ("error", "status"), or a dict from the names of '
            'members to facts, such as {"message": "error"}.'
        )
    facts = list(value.values()) if isinstance(value, Mapping) else list(value)
    for fact in facts:
        is_constant = isinstance(value, Mapping) and not isinstance(fact, str)
        if fact not in FACTS and not is_constant:
            raise ValueError(f"{fact!r} is not a fact. Choose from: {', '.join(FACTS)}.")
    if "error" not in facts:
        raise ValueError('"error" must be among the facts. For another body, use @errors.format.')
    if not isinstance(value, Mapping):
        return tuple(dict.fromkeys(facts))
    if not all(isinstance(name, str) for name in value):
        raise ValueError("the name of a member must be a text.")
    return MappingProxyType(dict(value))


def _adopt(value: Any) -> tuple[str, ...] | Literal[False]:
    if isinstance(value, bool):
        return SENTENCE_NAMES if value else False
    is_list = isinstance(value, list | tuple) and len(value) > 0
    if not is_list or not all(isinstance(name, str) and name for name in value):
        raise ValueError(
            'give True, False, or a tuple of the members that have the sentence, such as ("msg",).'
        )
    return tuple(value)


def _messages(value: Any) -> Mapping[int | str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(
            "give a dict from a status, a code or the name of a sentence to a sentence, such as "
            '{404: "There is no such thing."}.'
        )
    messages: dict[int | str, Any] = {}
    for key, text in value.items():
        # JSON files and environment variables cannot have keys that are numbers.
        name = int(key) if isinstance(key, str) and key.isdecimal() else key
        if not isinstance(name, str) and (not isinstance(name, int) or not 400 <= name <= 599):
            raise ValueError(
                f"the key {key!r} is neither a status such as 404 nor a code such as "
                "'vessel-not-found'."
            )
        _check_message(key, text)
        messages[name] = text
    return MappingProxyType(messages)


def _check_message(key: Any, text: Any) -> None:
    """Check what can be checked: another object may be a translation, which needs a request."""
    is_wrong = text is None or isinstance(text, int | float | bytes | Mapping | list | tuple)
    if is_wrong or (isinstance(text, str) and not text.strip()):
        raise ValueError(f"the sentence for {key!r} is not a text. Write one or remove the key.")
    if isinstance(text, str) and key in NAMED:
        names = placeholders_of(key)
        for name in PLACEHOLDER.findall(text):
            if name not in names:
                raise ValueError(
                    f"the sentence for {key!r} has the placeholder {{{name}}}. It can have: "
                    f"{', '.join(f'{{{known}}}' for known in names) or 'none'}."
                )


def _type_base(value: Any) -> str | None:
    is_base = isinstance(value, str) and re.fullmatch(f"{ABSOLUTE_URI}[/#:=]", value)
    if value is not None and not is_base:
        raise ValueError(
            "give an absolute URI that ends with a delimiter, such as "
            '"https://example.com/errors/", or None.'
        )
    return value  # type: ignore[no-any-return]


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("choose True or False.")
    return value


#: What no prefix can have, because the path of a request never has it.
_NEVER_IN_PATHS = (
    (r"[<>{}*]", "A prefix has no variables and no wildcards. Write each prefix out."),
    (r"[?#]", "A prefix ends before the '?' and the '#' of a URL. Remove what follows."),
    (r"//", "A prefix has no host and no empty parts. Write '/api'."),
    (r"%[0-9A-Fa-f]{2}", "A prefix is compared with the decoded path. Write it decoded: '/café'."),
    (r"[\x00-\x1f\x7f]", "Remove the control characters."),
)


def _url_prefixes(value: Any) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, list | tuple):
        raise ValueError('give a tuple of paths, such as ("/api",).')
    for prefix in value:
        if not isinstance(prefix, str) or not prefix.startswith("/"):
            raise ValueError(f"{prefix!r} is not a path. Start it with a slash.")
        for pattern, reason in _NEVER_IN_PATHS:
            if re.search(pattern, prefix.rstrip("/")):
                raise ValueError(f"{prefix!r} matches no path. {reason}")
    prefixes = tuple(prefix.rstrip("/") for prefix in value)
    if "" in prefixes:
        raise ValueError("'/' is the whole site. Remove the key to cover the whole site.")
    return prefixes


def _validation_status(value: Any) -> int:
    if value not in (400, 422) or isinstance(value, bool):
        raise ValueError("choose 400 or 422.")
    return int(value)


def _whole_number(least: int) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"give a whole number of {least} or more.")
        return value

    return check


def _realm(value: Any) -> str:
    if not _is_quotable(value):
        raise ValueError("give a name in printable ASCII, without quotes and backslashes.")
    return str(value)


def _is_quotable(value: Any) -> bool:
    is_text = isinstance(value, str) and value and value.isascii() and value.isprintable()
    return bool(is_text) and not set(value) & {'"', "\\"}


#: What this package writes itself. RFC 9110 section 11.2: each parameter occurs once.
_OWN_PARAMETERS = ("realm", "charset", "error", "error_description", "error_uri")


def _challenge(value: Any) -> Mapping[str, str]:
    if not isinstance(value, Mapping):
        raise ValueError(
            "give a dict from the names of parameters to texts, such as "
            '{"resource_metadata": "https://api.example.com/.well-known/oauth-protected-resource"}.'
        )
    names = [str(name).lower() for name in value]
    for name, text in value.items():
        if not isinstance(name, str) or not re.fullmatch(TOKEN, name):
            raise ValueError(f"{name!r} is not the name of a parameter (RFC 9110 section 11.2).")
        if name.lower() in _OWN_PARAMETERS:
            remedy = "Set APIERRORS_REALM instead" if name.lower() == "realm" else "Remove it"
            raise ValueError(f"the extension itself writes {name!r}. {remedy}.")
        if names.count(name.lower()) > 1:
            raise ValueError(f"{name!r} is there twice. Each parameter may occur once.")
        if not _is_quotable(text):
            raise ValueError(
                f"the value of {name!r} must be a text in printable ASCII, without quotes and "
                "backslashes."
            )
    return MappingProxyType(dict(value))


def _request_id_header(value: Any) -> str | None:
    if value is not None and (not isinstance(value, str) or not re.fullmatch(TOKEN, value)):
        raise ValueError(
            'give the name of a header field, such as "X-Request-ID", or None to switch it off.'
        )
    return value


def _reference_url(value: Any) -> str | None:
    is_path = isinstance(value, str) and re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", value)
    if value is not None and not is_path:
        raise ValueError(
            'give a path without a slash at its end, such as "/errors", or None to switch it off.'
        )
    return value  # type: ignore[no-any-return]


def _rate_limits(value: Any) -> Mapping[str, str | None]:
    if not isinstance(value, Mapping):
        raise ValueError(
            "give a dict from an endpoint to a limit, such as "
            '{"admin.*": "5/minute", "health": None}.'
        )
    for endpoint, limit in value.items():
        if not isinstance(endpoint, str) or not endpoint:
            raise ValueError(
                f"{endpoint!r} is not an endpoint. Write it as `flask routes` shows it, e.g. "
                "'admin.users', or as a pattern, e.g. 'admin.*'."
            )
        if limit is not None and (not isinstance(limit, str) or not limit.strip()):
            raise ValueError(
                f"{limit!r} for {endpoint!r} is not a limit. Write '10/second', or None for no "
                "limit."
            )
    return MappingProxyType(dict(value))


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "APIERRORS_FORMAT": _format,
    "APIERRORS_ADOPT": _adopt,
    "APIERRORS_MEMBERS": _members,
    "APIERRORS_MESSAGES": _messages,
    "APIERRORS_TYPE_BASE": _type_base,
    "APIERRORS_STRICT_JSON": _boolean,
    "APIERRORS_URL_PREFIXES": _url_prefixes,
    "APIERRORS_VALIDATION_STATUS": _validation_status,
    "APIERRORS_MAX_ERRORS": _whole_number(1),
    "APIERRORS_REALM": _realm,
    "APIERRORS_CHALLENGE": _challenge,
    "APIERRORS_RETRY_AFTER": _whole_number(0),
    "APIERRORS_REQUEST_ID_HEADER": _request_id_header,
    "APIERRORS_REFERENCE_URL": _reference_url,
    "APIERRORS_RATE_LIMITS": _rate_limits,
}
