"""Validation messages, of marshmallow and webargs, as a sentence and as a flat list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from .errors import FieldError
from .text import as_text

Path = tuple[str | int, ...]

#: Where webargs looked (its names) -> OpenAPI's ``in``; ``None`` is the body.
LOCATIONS: dict[str, str | None] = {
    "json": None,
    "form": None,
    "files": None,
    "json_or_form": None,
    "query": "query",
    "querystring": "query",
    "headers": "header",
    "cookies": "cookie",
    "path": "path",
    "view_args": "path",
}

_SCHEMA = "_schema"
_MAX_NODES = 100_000
_MAX_DEPTH = 64
_MAX_NAME = 100
_FRAGMENT = "!$&'()*+,;=:@?~"
_MISSING = object()


class FieldMessage(str):
    """A message that knows what kind of value its field takes: ``Invalid 'to' timestamp: ...``."""

    __slots__ = ("kind",)
    kind: str

    def __new__(cls, text: str, kind: str) -> FieldMessage:
        message = super().__new__(cls, text)
        message.kind = kind
        return message


class Invalid(NamedTuple):
    """What is wrong with a request: the list, a sentence for each of its errors, and how many were left out."""

    errors: tuple[FieldError, ...]
    sentences: tuple[str, ...]
    more: int

    @property
    def sentence(self) -> str:
        """All of it as one text; empty when nothing was said."""
        return "; ".join((*self.sentences, f"and {self.more} more") if self.more else self.sentences)


def describe(messages: object, most: int, location: str | None = None, data: object = _MISSING) -> Invalid:
    """Describe a tree of messages: nested dicts and lists of any objects, as marshmallow makes them.

    :param messages: The tree. Its keys are field names and list indexes, its leaves are texts.
    :param most: How many errors to report; further ones are only counted.
    :param location: ``query``, ``header``, ``path`` or ``cookie``; ``None`` is the body.
    :param data: What was validated, to tell a field named ``value`` from marshmallow's name for the value of a ``Dict``
        entry. Never reported.
    """
    tree = _Tree(messages)
    sentences: list[str] = []
    errors: list[FieldError] = []
    for raw_path, leaf in tree.leaves(most):
        path = _wire_path(raw_path, data)
        text = as_text(leaf).strip() or "Invalid value."
        name = _dotted(path)
        kind = f" {leaf.kind}" if isinstance(leaf, FieldMessage) else ""
        sentences.append(f"Invalid '{name}'{kind}: {text}" if name else text)
        errors.append(_field_error(text, path, name, location))
    return Invalid(tuple(errors), tuple(sentences), tree.count_rest())


def describe_locations(messages: Mapping[Any, Any], most: int) -> Invalid:
    """Describe webargs' messages: a tree for each location, ``{"query": {"limit": [...]}}``."""
    whole = Invalid((), (), 0)
    for location, tree in messages.items():
        known = location in LOCATIONS
        part = describe(tree if known else {location: tree}, most - len(whole.errors), LOCATIONS.get(location))
        whole = Invalid(whole.errors + part.errors, whole.sentences + part.sentences, whole.more + part.more)
    return whole


class _Tree:
    """A walk through messages: in their order, without recursion, and never longer than it may be."""

    def __init__(self, messages: object) -> None:
        self.stack: list[tuple[Path, int, object]] = [((), 0, messages)]
        self.nodes = _MAX_NODES

    def leaves(self, most: int) -> Iterator[tuple[Path, object]]:
        while self.stack and self.nodes > 0 and most > 0:
            self.nodes -= 1
            path, depth, node = self.stack.pop()
            if depth > _MAX_DEPTH:
                continue
            if isinstance(node, Mapping):
                below = [(path if key == _SCHEMA else (*path, _step(key)), depth + 1, child) for key, child in node.items()]
                self.stack.extend(reversed(below))
            elif isinstance(node, list | tuple | set | frozenset):
                self.stack.extend([(path, depth + 1, child) for child in node][::-1])
            else:
                most -= 1
                yield path, node

    def count_rest(self) -> int:
        count = 0
        rest = [(depth, node) for _, depth, node in self.stack]
        while rest and self.nodes > 0:
            self.nodes -= 1
            depth, node = rest.pop()
            if isinstance(node, Mapping):
                children: Any = node.values()
            elif isinstance(node, list | tuple | set | frozenset):
                children = node
            else:
                count += 1
                continue
            if depth < _MAX_DEPTH:
                rest.extend((depth + 1, child) for child in children)
        return count


def _step(key: object) -> str | int:
    if isinstance(key, int) and not isinstance(key, bool):
        return key
    text = as_text(key)
    return text if len(text) <= _MAX_NAME else text[:_MAX_NAME] + "…"


def _wire_path(path: Path, data: object) -> Path:
    """The path in the request: without the ``key`` and ``value`` that marshmallow puts below the entry of a ``Dict``."""
    if data is _MISSING or not ("key" in path[1:] or "value" in path[1:]):
        return path
    found: list[str | int] = []
    node = data
    for position, step in enumerate(path):
        inner = position + 1 < len(path)
        if step in ("key", "value") and _is_marker(step, node, inner):
            continue
        found.append(step)
        node = _child(node, step)
    return tuple(found)


def _is_marker(step: str | int, node: object, inner: bool) -> bool:
    if node is _MISSING:
        return False
    return step not in node and inner if isinstance(node, Mapping) else True


def _child(node: object, step: str | int) -> object:
    if isinstance(node, Mapping):
        return node.get(step, _MISSING)
    if isinstance(node, list | tuple) and isinstance(step, int) and 0 <= step < len(node):
        return node[step]
    return _MISSING


def _dotted(path: Path) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def _field_error(text: str, path: Path, name: str, location: str | None) -> FieldError:
    if location is not None:
        return FieldError(text, parameter=name or None, location=location)
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in path)
    return FieldError(text, pointer="#" + "".join("/" + quote(step, safe=_FRAGMENT) for step in steps))
