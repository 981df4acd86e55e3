"""The lock file: what clients can rely on, written down to be reviewed and compared."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from math import ceil
from typing import Any, Literal, NamedTuple

from limits import RateLimitItem, parse_many
from marshmallow import EXCLUDE, Schema
from marshmallow.fields import Dict, Integer, List, Nested, String

from .._catalogue.model import DECLARED_CAUSES, SOURCE, Catalogue, Entry, Operation
from .._core.errors import ABOUT_BLANK
from .._core.marks import Mark

Lock = Mapping[str, Any]
VERSION = 1

_SCHEME = re.compile(r"(?:^|, *)([\w!#$%&'*+.^`|~-]+)(?= |,|$)", re.ASCII)
#: Python's types by the names that JSON Schema has for them. A bool is an int, too.
_JSON_TYPES: dict[type, str] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    Mapping: "object",
    list: "array",
}
_VARIABLE = re.compile(r"<(?:([^:<>]+):)?[^<>]*>")


class Change(NamedTuple):
    """A difference between two lock files."""

    effect: Literal["breaking", "compatible"]
    #: ``GET /vessels``, the code of an error, or ``every error``.
    where: str
    what: str


# -- writing


def lock_of(catalogue: Catalogue) -> Lock:
    """What a catalogue promises to clients, as JSON values. The same API gives the same value."""
    operations = sorted(
        catalogue.operations, key=lambda operation: (operation.rule, operation.method)
    )
    marks = [mark for operation in operations for mark in operation.guards]
    return {
        "version": VERSION,
        "headers": sorted(field.name for field in catalogue.headers),
        "offers": sorted({mark.name for mark in marks if mark.offers}),
        "errors": {
            entry.code: _error(entry)
            for entry in sorted(catalogue.errors, key=lambda entry: entry.code)
        },
        "endpoints": {
            f"{operation.method} {operation.rule}": _endpoint(operation) for operation in operations
        },
    }


def _error(entry: Entry) -> dict[str, Any]:
    return {
        "status": entry.status,
        "type": entry.type,
        "title": entry.title,
        "retry": entry.retry,
        "headers": sorted(field.name for field in entry.headers),
        "challenges": sorted(_challenges(entry)),
        "format": entry.media_type,
        "body": _json_type(entry.example),
        "members": _members(entry.example),
        "problem": _members(entry.problem_example),
    }


def _challenges(entry: Entry) -> set[str]:
    """The schemes that a client can authenticate with (RFC 9110 section 11.6.1)."""
    values = [field.example for field in entry.headers if field.name == "WWW-Authenticate"]
    return {scheme for value in values for scheme in _SCHEME.findall(value)}


def _members(body: Any) -> dict[str, str]:
    """The members of an object, and their types."""
    if not isinstance(body, Mapping):
        return {}
    return {name: _json_type(body[name]) for name in sorted(body)}


def _json_type(value: Any) -> str:
    """The type of a value, as JSON Schema names it."""
    return next((name for kind, name in _JSON_TYPES.items() if isinstance(value, kind)), "null")


def _endpoint(operation: Operation) -> dict[str, Any]:
    errors: dict[str, set[str]] = {}
    for occurrence in operation.errors:
        errors.setdefault(occurrence.cause, set()).add(occurrence.code)
    return {
        "guards": _guards(operation.guards),
        "limits": sorted(operation.limits),
        "errors": {cause: sorted(errors[cause]) for cause in sorted(errors)},
    }


def _guards(marks: Iterable[Mark]) -> dict[str, list[str]]:
    guards: dict[str, set[str]] = {}
    for mark in marks:
        guards.setdefault(mark.name, set()).update(map(str, mark.values))
        for implied in mark.implies:
            guards.setdefault(implied.name, set())
    return {name: sorted(guards[name]) for name in sorted(guards)}


def dump_lock(lock: Lock) -> str:
    """The text of the file. Each member has its own line, so that a review shows what changed."""
    return _format(lock, "") + "\n"


def _format(value: Any, indent: str) -> str:
    if not isinstance(value, Mapping) or not value:
        return json.dumps(value)
    inner = indent + "  "
    lines = (
        f"{inner}{json.dumps(name)}: {_format(member, inner)}" for name, member in value.items()
    )
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"


# -- reading


class _ErrorSchema(Schema):
    status = Integer(required=True, strict=True)
    type = String(required=True)
    title = String(required=True)
    retry = String(required=True)
    headers = List(String(), required=True)
    challenges = List(String(), required=True)
    format = String(required=True)
    body = String(required=True)
    members = Dict(String(), String(), required=True)
    problem = Dict(String(), String(), required=True)


class _EndpointSchema(Schema):
    guards = Dict(String(), List(String()), required=True)
    limits = List(String(), required=True)
    errors = Dict(String(), List(String()), required=True)


class _LockSchema(Schema):
    headers = List(String(), required=True)
    #: The guards that a client chooses a value of.
    offers = List(String(), required=True)
    errors = Dict(String(), Nested(_ErrorSchema(unknown=EXCLUDE)), required=True)
    endpoints = Dict(String(), Nested(_EndpointSchema(unknown=EXCLUDE)), required=True)


def load_lock(text: str) -> Lock:
    """Read what :func:`dump_lock` wrote.

    :raises ValueError: when the text is something else.
    """
    try:
        lock = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("This is not JSON.") from None
    if not isinstance(lock, dict) or lock.get("version") != VERSION:
        reason = f"This is not a lock file of version {VERSION}."
    elif _LockSchema(unknown=EXCLUDE).validate(lock):
        reason = "This lock file is damaged."
    else:
        return lock
    raise ValueError(f"{reason} Write it again with `flask apierrors freeze`.")


# -- comparing


def compare_locks(old: Lock, new: Lock) -> tuple[Change, ...]:
    """What changed between two lock files, breaking changes first."""
    changes = {*_error_changes(old, new), *_endpoint_changes(old, new)}
    return tuple(sorted(changes, key=lambda change: (change.effect, change.what, change.where)))


def _breaking(where: str, what: str) -> Change:
    return Change("breaking", where, what)


def _compatible(where: str, what: str) -> Change:
    return Change("compatible", where, what)


def _error_changes(old: Lock, new: Lock) -> Iterator[Change]:
    before, after = old["errors"], new["errors"]
    declared = {
        code
        for endpoint in old["endpoints"].values()
        for cause in DECLARED_CAUSES
        for code in endpoint["errors"].get(cause, ())
    }
    for code in before.keys() - after.keys():
        change = _breaking if code in declared else _compatible
        yield change(code, f"error removed ({before[code]['status']})")
    for code in after.keys() - before.keys():
        yield _compatible(code, f"error added ({after[code]['status']})")
    for code in before.keys() & after.keys():
        yield from _value_changes(code, before[code], after[code])
    yield from _list_changes("every error", "header {}", old["headers"], new["headers"])
    yield from _part_changes("headers", "header {}", before, after)
    yield from _part_changes("challenges", "challenge {}", before, after)
    yield from _part_changes("format", "the media type", before, after)
    yield from _part_changes("body", "the body", before, after)
    yield from _part_changes("members", "member {!r}", before, after)
    yield from _part_changes("problem", "problem+json member {!r}", before, after)


def _value_changes(code: str, before: Lock, after: Lock) -> Iterator[Change]:
    if before["status"] != after["status"]:
        yield _breaking(code, f"status changed from {before['status']} to {after['status']}")
    for name in ("type", "title", "retry"):
        if before[name] != after[name]:
            # Nobody can tell an error by a type that says no more than its status.
            is_breaking = name == "type" and before[name] != ABOUT_BLANK
            change = _breaking if is_breaking else _compatible
            yield change(code, f"{name} changed from {before[name]!r} to {after[name]!r}")


def _part_changes(part: str, text: str, before: Lock, after: Lock) -> Iterator[Change]:
    """Changes in what each error has. A change of all errors is one change."""
    shared = sorted(before.keys() & after.keys())
    codes: dict[Change, list[str]] = {}
    for code in shared:
        was, now = before[code][part], after[code][part]
        for change in (
            *_list_changes("every error", text, was, now),
            *_type_changes("every error", text, was, now),
        ):
            codes.setdefault(change, []).append(code)
    for change, where in codes.items():
        if where == shared:
            yield change
        else:
            yield from (change._replace(where=code) for code in where)


def _list_changes(where: str, text: str, before: Any, after: Any) -> Iterator[Change]:
    if isinstance(before, str):
        return
    for name in set(before) - set(after):
        yield _breaking(where, f"{text.format(name)} removed")
    for name in set(after) - set(before):
        yield _compatible(where, f"{text.format(name)} added")


def _type_changes(where: str, text: str, before: Any, after: Any) -> Iterator[Change]:
    """Changes of a value, or of the values that both mappings have."""
    if isinstance(before, str) and before != after:
        yield _breaking(where, f"{text} changed from {before} to {after}")
    if isinstance(before, Mapping):
        for name in before.keys() & after.keys():
            yield from _type_changes(where, text.format(name), before[name], after[name])


def _endpoint_changes(old: Lock, new: Lock) -> Iterator[Change]:
    before, after = _by_shape(old["endpoints"]), _by_shape(new["endpoints"])
    offers = {*old["offers"], *new["offers"]}
    for shape in before.keys() - after.keys():
        yield _breaking(before[shape][0], "endpoint removed")
    for shape in after.keys() - before.keys():
        yield _compatible(after[shape][0], "endpoint added")
    for shape in before.keys() & after.keys():
        _, was = before[shape]
        where, now = after[shape]
        yield from _guard_changes(where, was["guards"], now["guards"], offers)
        yield from _limit_changes(where, was["limits"], now["limits"])
        yield from _declared_error_changes(where, was["errors"], now["errors"])


def _by_shape(endpoints: Lock) -> dict[str, tuple[str, Any]]:
    """Endpoints by what clients see of them, which is not the names of a path's variables."""
    return {
        _VARIABLE.sub(lambda match: f"<{match[1] or 'string'}>", where): (where, endpoint)
        for where, endpoint in endpoints.items()
    }


def _guard_changes(
    where: str, before: Lock, after: Lock, offers: Collection[str]
) -> Iterator[Change]:
    for name in after.keys() - before.keys():
        values = f" ({', '.join(after[name])})" if after[name] else ""
        yield _breaking(where, f"guard added: {name}{values}")
    for name in before.keys() - after.keys():
        yield _compatible(where, f"guard removed: {name}")
    for name in before.keys() & after.keys():
        # A client must have all permissions, but it chooses one media type.
        asks = name not in offers
        more, less = set(after[name]) - set(before[name]), set(before[name]) - set(after[name])
        for value in more:
            yield (_breaking if asks else _compatible)(where, f"{name}: {value} added")
        for value in less:
            yield (_compatible if asks else _breaking)(where, f"{name}: {value} removed")


def _limit_changes(where: str, before: list[str], after: list[str]) -> Iterator[Change]:
    if before == after:
        return
    was, now = " and ".join(before) or "none", " and ".join(after) or "none"
    if not before:
        yield _breaking(where, f"limit added: {now}")
    elif not after:
        yield _compatible(where, f"limit removed: {was}")
    elif all(any(implies(old, new) for old in before) for new in after):
        yield _compatible(where, f"limit changed from {was} to {now}")
    elif all(map(_items, (*before, *after))):
        yield _breaking(where, f"limit lowered from {was} to {now}")
    else:
        yield _breaking(where, f"limit changed from {was} to {now}")


def _declared_error_changes(where: str, before: Lock, after: Lock) -> Iterator[Change]:
    was = {code for cause in (*DECLARED_CAUSES, SOURCE) for code in before.get(cause, ())}
    now = {code for cause in (*DECLARED_CAUSES, SOURCE) for code in after.get(cause, ())}
    yield from (_compatible(where, f"can answer {code}") for code in now - was)
    yield from (_compatible(where, f"no longer answers {code}") for code in was - now)


def implies(strict: str, weak: str) -> bool:
    """Whether every client that stays within one limit also stays within another.

    ``10/second`` implies ``600/minute``. A limit that cannot be parsed implies only itself.
    """
    strict_items, weak_items = _items(strict), _items(weak)
    if not strict_items or not weak_items:
        return strict == weak
    return all(any(_item_implies(item, other) for item in strict_items) for other in weak_items)


def _item_implies(strict: RateLimitItem, weak: RateLimitItem) -> bool:
    return strict.amount * ceil(weak.get_expiry() / strict.get_expiry()) <= weak.amount


def _items(text: str) -> list[RateLimitItem]:
    try:
        return parse_many(text)
    except ValueError:
        return []
