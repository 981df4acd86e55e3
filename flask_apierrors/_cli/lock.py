"""The contract: what an API promises when it fails, as a file to review and to compare with what the API does now."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from math import ceil
from typing import Any, Literal, NamedTuple

from limits import RateLimitItem, parse_many

from .._catalogue.catalogue import Catalogue, Entry, Operation
from .._guards.marks import Mark

Contract = Mapping[str, Any]
VERSION = 1

_VARIABLE = re.compile(r"<(?:([^:<>]+):)?[^<>]*>")
#: Causes of errors that an author wrote down. What a guard, a limit or a setting causes goes and comes with it.
_DECLARED = ("raises", "convert")


class Change(NamedTuple):
    """A difference between two contracts."""

    effect: Literal["breaking", "compatible"]
    #: ``GET /vessels``, the type of an error, or ``every error``.
    where: str
    what: str


# -- the file


def contract(catalogue: Catalogue) -> Contract:
    """What a catalogue promises to clients, in values that JSON has; the same for the same API."""
    operations = sorted(
        catalogue.operations, key=lambda operation: (operation.rule, operation.method)
    )
    return {
        "version": VERSION,
        "headers": sorted(field.name for field in catalogue.headers),
        "errors": {
            entry.type: _error(entry)
            for entry in sorted(catalogue.errors, key=lambda entry: entry.type)
        },
        "endpoints": {
            f"{operation.method} {operation.rule}": _endpoint(operation) for operation in operations
        },
    }


def _error(entry: Entry) -> dict[str, Any]:
    return {
        "status": entry.status,
        "title": entry.title,
        "retry": entry.retry,
        "headers": sorted(field.name for field in entry.headers),
        "members": sorted(entry.example),
        "problem": sorted(entry.problem_example),
    }


def _endpoint(operation: Operation) -> dict[str, Any]:
    errors: dict[str, set[str]] = {}
    for occurrence in operation.errors:
        errors.setdefault(occurrence.cause, set()).add(occurrence.type)
    return {
        "guards": _guards(operation.guards),
        "limits": sorted(operation.limits),
        "errors": {cause: sorted(errors[cause]) for cause in sorted(errors)},
    }


def _guards(marks: Iterable[Mark]) -> dict[str, list[str]]:
    found: dict[str, set[str]] = {}
    for mark in marks:
        found.setdefault(mark.name, set()).update(map(str, mark.values))
        for implied in mark.implies:
            found.setdefault(implied.name, set())
    return {name: sorted(found[name]) for name in sorted(found)}


def dumps(found: Contract) -> str:
    """The file: objects have a line for each member, lists stand on one line, so that a review shows what changed."""
    return _written(found, "") + "\n"


def _written(value: Any, indent: str) -> str:
    if not isinstance(value, Mapping) or not value:
        return json.dumps(value)
    inner = indent + "  "
    lines = (
        f"{inner}{json.dumps(name)}: {_written(member, inner)}" for name, member in value.items()
    )
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"


def loads(text: str) -> Contract:
    """Read what :func:`dumps` wrote.

    :raises ValueError: when it is something else.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("this is not JSON.") from None
    if not isinstance(found, dict) or found.get("version") != VERSION:
        raise ValueError(
            f"this is not a contract of version {VERSION}. Write it anew with `flask apierrors freeze`."
        )
    if not _is_whole(found):
        raise ValueError("this contract is damaged. Write it anew with `flask apierrors freeze`.")
    return found


def _is_whole(found: Contract) -> bool:
    return _texts(found.get("headers")) and all(
        isinstance(members := found.get(part), dict)
        and all(_fits(member, checks) for member in members.values())
        for part, checks in (("errors", _ERROR), ("endpoints", _ENDPOINT))
    )


def _fits(value: Any, checks: Mapping[str, Callable[[Any], bool]]) -> bool:
    return isinstance(value, dict) and all(check(value.get(name)) for name, check in checks.items())


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_text, value))


def _lists(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_texts, value.values()))


def _status(value: Any) -> bool:
    return isinstance(value, int)


_ERROR = {
    "status": _status,
    "title": _text,
    "retry": _text,
    "headers": _texts,
    "members": _texts,
    "problem": _texts,
}
_ENDPOINT = {"guards": _lists, "limits": _texts, "errors": _lists}


# -- what has changed


def compare(old: Contract, new: Contract) -> tuple[Change, ...]:
    """What has changed between two contracts, those changes first that break clients."""
    changes = [*_error_changes(old, new), *_endpoint_changes(old, new)]
    return tuple(
        sorted(
            dict.fromkeys(changes), key=lambda change: (change.effect, change.what, change.where)
        )
    )


def _breaking(where: str, what: str) -> Change:
    return Change("breaking", where, what)


def _compatible(where: str, what: str) -> Change:
    return Change("compatible", where, what)


def _error_changes(old: Contract, new: Contract) -> Iterator[Change]:
    before, after = old["errors"], new["errors"]
    declared = {
        type_
        for endpoint in old["endpoints"].values()
        for cause in _DECLARED
        for type_ in endpoint["errors"].get(cause, ())
    }
    for type_ in before.keys() - after.keys():
        make = _breaking if type_ in declared else _compatible
        yield make(type_, f"error removed ({before[type_]['status']})")
    for type_ in after.keys() - before.keys():
        yield _compatible(type_, f"error added ({after[type_]['status']})")
    shared = sorted(before.keys() & after.keys())
    for type_ in shared:
        yield from _value_changes(type_, before[type_], after[type_])
    yield from _changes_of_all(old, new, "headers", "header {}")
    for kind, text in (
        ("headers", "header {}"),
        ("members", "member {!r}"),
        ("problem", "problem+json member {!r}"),
    ):
        yield from _member_changes(before, after, shared, kind, text)


def _value_changes(type_: str, before: Contract, after: Contract) -> Iterator[Change]:
    if before["status"] != after["status"]:
        yield _breaking(type_, f"status changed from {before['status']} to {after['status']}")
    for name in ("title", "retry"):
        if before[name] != after[name]:
            yield _compatible(type_, f"{name} changed from {before[name]!r} to {after[name]!r}")


def _changes_of_all(old: Contract, new: Contract, kind: str, text: str) -> Iterator[Change]:
    for name, make, verb in _set_changes(old[kind], new[kind]):
        yield make("every error", f"{text.format(name)} {verb}")


def _member_changes(
    before: Contract, after: Contract, shared: list[str], kind: str, text: str
) -> Iterator[Change]:
    """What errors gained or lost: told once, where all of them did."""
    types: dict[Any, list[str]] = {}
    for type_ in shared:
        for change in _set_changes(before[type_][kind], after[type_][kind]):
            types.setdefault(change, []).append(type_)
    for (name, make, verb), where in types.items():
        for one in where if len(where) < len(shared) else ("every error",):
            yield make(one, f"{text.format(name)} {verb}")


def _set_changes(
    before: list[str], after: list[str]
) -> Iterator[tuple[str, Callable[[str, str], Change], str]]:
    """What clients may rely on: less of it breaks them, more does not."""
    yield from ((name, _breaking, "removed") for name in sorted(set(before) - set(after)))
    yield from ((name, _compatible, "added") for name in sorted(set(after) - set(before)))


def _endpoint_changes(old: Contract, new: Contract) -> Iterator[Change]:
    before, after = _by_shape(old["endpoints"]), _by_shape(new["endpoints"])
    for shape in before.keys() - after.keys():
        yield _breaking(before[shape][0], "endpoint removed")
    for shape in after.keys() - before.keys():
        yield _compatible(after[shape][0], "endpoint added")
    for shape in before.keys() & after.keys():
        where, now = after[shape]
        was = before[shape][1]
        yield from _guard_changes(where, was["guards"], now["guards"])
        yield from _limit_changes(where, was["limits"], now["limits"])
        yield from _possible_errors(where, was["errors"], now["errors"])


def _by_shape(endpoints: Contract) -> dict[str, tuple[str, Any]]:
    """Endpoints by what a client sees of them: the names of a path's variables are the author's business."""
    shapes = (
        (_VARIABLE.sub(lambda match: f"<{match[1] or 'string'}>", where), where)
        for where in endpoints
    )
    return {shape: (where, endpoints[where]) for shape, where in shapes}


def _guard_changes(where: str, before: Contract, after: Contract) -> Iterator[Change]:
    for name in after.keys() - before.keys():
        values = f" ({', '.join(after[name])})" if after[name] else ""
        yield _breaking(where, f"guard added: {name}{values}")
    for name in before.keys() - after.keys():
        yield _compatible(where, f"guard removed: {name}")
    for name in before.keys() & after.keys():
        # Permissions are asked of clients, media types are offered to them.
        asks = name not in ("consumes", "produces")
        more, less = set(after[name]) - set(before[name]), set(before[name]) - set(after[name])
        for value in more:
            yield (_breaking if asks else _compatible)(where, f"{name}: {value} added")
        for value in less:
            yield (_compatible if asks else _breaking)(where, f"{name}: {value} removed")


def _limit_changes(where: str, before: list[str], after: list[str]) -> Iterator[Change]:
    if before == after:
        return
    was, now = " and ".join(before) or "none", " and ".join(after) or "none"
    stricter = any(not any(implies(old, new) for old in before) for new in after)
    if not before:
        yield _breaking(where, f"limit added: {now}")
    elif not after:
        yield _compatible(where, f"limit removed: {was}")
    elif stricter:
        yield _breaking(where, f"limit lowered from {was} to {now}")
    else:
        yield _compatible(where, f"limit changed from {was} to {now}")


def _possible_errors(where: str, before: Contract, after: Contract) -> Iterator[Change]:
    """The errors that an author declared for an endpoint; the others follow from its guards, its limits and settings."""
    was = {type_ for cause in _DECLARED for type_ in before.get(cause, ())}
    now = {type_ for cause in _DECLARED for type_ in after.get(cause, ())}
    yield from (_compatible(where, f"can answer {type_}") for type_ in now - was)
    yield from (_compatible(where, f"no longer answers {type_}") for type_ in was - now)


def implies(strict: str, weak: str) -> bool:
    """Does whoever stays within one limit stay within another, too? ``10/second`` implies ``600/minute``.

    Of limits that cannot be read, each implies itself alone.
    """
    stricts, weaks = _items(strict), _items(weak)
    if not stricts or not weaks:
        return strict == weak
    return all(any(_implies(one, other) for one in stricts) for other in weaks)


def _implies(strict: RateLimitItem, weak: RateLimitItem) -> bool:
    return strict.amount * ceil(weak.get_expiry() / strict.get_expiry()) <= weak.amount


def _items(text: str) -> list[RateLimitItem]:
    try:
        return parse_many(text)
    except ValueError:
        return []
