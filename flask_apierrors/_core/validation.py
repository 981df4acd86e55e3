"""Validation messages, of marshmallow and webargs, as a sentence and as a flat list."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import quote

from .errors import FieldError
from .text import as_text

Path = tuple[str | int, ...]
Node = tuple[int, Path, object, object]  # its depth, where its parent is, its key, and itself

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
_MAX_INDEX = 10**9
_MAX_NAME = 100
_MAX_TEXT = 1_000
_FRAGMENT = "!$&'()*+,;=:@?~"
_MISSING = object()
_MAPPINGS = (dict, Mapping)  # the usual class first: an abstract one takes longer to ask
_LISTS = (list, tuple, set, frozenset)


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
        return "; ".join(
            (*self.sentences, f"and {self.more} more") if self.more else self.sentences
        )


def describe(
    messages: object, most: int, location: str | None = None, data: object = None
) -> Invalid:
    """Describe a tree of messages: nested dicts and lists of any objects, as marshmallow makes them.

    :param messages: The tree. Its keys are field names and list indexes, its leaves are texts.
    :param most: How many errors to report; further ones are only counted, as far as 100,000 parts of the tree go.
    :param location: ``query``, ``header``, ``path`` or ``cookie``; ``None`` is the body.
    :param data: What was validated, to tell a field named ``value`` from marshmallow's name for the value of a ``Dict``
        entry; ``None`` when that is not known. Never reported.
    """
    nodes: list[Node] = [(0, (), _SCHEMA, messages)]
    sentences: list[str] = []
    errors: list[FieldError] = []
    for raw_path, leaf in islice(_leaves(nodes), most):
        path = _wire_path(raw_path, data)
        text = _shortened(as_text(leaf).strip(), _MAX_TEXT) or "Invalid value."
        kind = f" {leaf.kind}" if isinstance(leaf, FieldMessage) else ""
        sentences.append(f"Invalid '{_dotted(path)}'{kind}: {text}" if path else text)
        errors.append(_field_error(text, path, location))
    return Invalid(tuple(errors), tuple(sentences), _count(nodes))


def describe_locations(messages: Mapping[Any, Any], most: int, data: object = None) -> Invalid:
    """Describe webargs' messages: a tree for each location, ``{"query": {"limit": [...]}}``."""
    whole = Invalid((), (), 0)
    for location, tree in messages.items():
        known = location in LOCATIONS
        part = describe(
            tree if known else {location: tree},
            most - len(whole.errors),
            LOCATIONS.get(location),
            data,
        )
        whole = Invalid(
            whole.errors + part.errors, whole.sentences + part.sentences, whole.more + part.more
        )
    return whole


def _leaves(nodes: list[Node]) -> Iterator[tuple[Path, object]]:
    """The leaves of a tree, in order: without recursion, and without what is too deep or too much.

    Takes them off ``nodes``, where the rest of the tree stays.
    """
    for _ in range(_MAX_NODES):
        if not nodes:
            return
        depth, parent, key, node = nodes.pop()
        path = parent + _steps(key)
        if type(node) is list and len(node) == 1:
            node = node[0]  # most fields have one text, in a list of its own
        below = _below(node)
        if below is None:
            yield path, node
        elif depth < _MAX_DEPTH:
            deeper = depth + 1
            nodes.extend([(deeper, path, step, child) for step, child in reversed(below)])


def _count(nodes: list[Node]) -> int:
    """How many leaves are left: without their paths, which cost as much as the validation itself."""
    left = [(depth, node) for depth, _, _, node in nodes]
    count, budget = 0, _MAX_NODES
    while left and budget > 0:
        depth, node = left.pop()
        below = _children(node)
        if below is None:
            count += 1
        elif depth < _MAX_DEPTH:
            for child in below if len(below) <= budget else islice(below, budget):
                if type(child) is list and len(child) == 1:
                    child = child[0]
                if type(child) is str:
                    count += 1
                else:
                    left.append((depth + 1, child))
            budget -= len(below)
    return count


def _children(node: object) -> Collection[object] | None:
    if type(node) is list:
        return node
    if type(node) is dict:
        return node.values()
    below = _below(node)
    return None if below is None else [child for _, child in below]


def _below(node: object) -> list[tuple[object, object]] | None:
    """The parts of a node, each under its key, or under the name of no field in a list; ``None`` for a leaf."""
    if type(node) is str:
        return None
    if type(node) is dict:
        return list(node.items())
    try:
        if isinstance(node, _MAPPINGS):
            return [(key, child) for key, child in islice(node.items(), _MAX_NODES)]
        if isinstance(node, _LISTS):
            return [(_SCHEMA, child) for child in islice(node, _MAX_NODES)]
    except Exception:
        return None
    return None


def _steps(key: object) -> Path:
    if type(key) is int and 0 <= key < _MAX_INDEX:
        return (key,)
    text = as_text(key)
    return () if text == _SCHEMA else (_shortened(text, _MAX_NAME),)


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else text[:length] + "…"


def _wire_path(path: Path, data: object) -> Path:
    """The path in the request: without the ``key`` and ``value`` that marshmallow puts below the entry of a ``Dict``."""
    if data is None or not ("key" in path[2:] or "value" in path[2:]):
        return path
    found: list[str | int] = []
    node = data
    entry = False
    for position, step in enumerate(path):
        if entry and step in ("key", "value") and _is_marker(path, position, node):
            entry = False
        else:
            found.append(step)
            node = _child(node, step)
            # A marker comes after the name of an entry, which comes after the name or the index of its Dict.
            entry = position > 0 and isinstance(step, str)
    return tuple(found)


def _is_marker(path: Path, position: int, node: object) -> bool:
    """Is this step marshmallow's word, and not the name of a field of the object that the entry holds?"""
    if not isinstance(node, Mapping):
        return node is not _MISSING
    following = path[position + 1 : position + 2]
    below = _child(node, path[position])
    if below is _MISSING or not following:
        return bool(following)
    below_fits = _child(below, following[0]) is not _MISSING
    return not below_fits and (
        not isinstance(below, Mapping | list) or _child(node, following[0]) is not _MISSING
    )


def _child(node: object, step: str | int) -> object:
    if isinstance(node, Mapping):
        return node.get(step, _MISSING)
    if isinstance(node, list) and isinstance(step, int) and step < len(node):
        return node[step]
    return _MISSING


def _dotted(path: Path) -> str:
    return "".join(
        [f"[{step}]" if isinstance(step, int) else f".{step}" for step in path]
    ).removeprefix(".")


def _field_error(text: str, path: Path, location: str | None) -> FieldError:
    if location is not None:
        return FieldError(text, parameter=_dotted(path) if path else None, location=location)
    return FieldError(text, pointer="#" + "".join(["/" + _pointed(str(step)) for step in path]))


def _pointed(step: str) -> str:
    if step.isascii() and (step.isidentifier() or step.isdigit()):
        return step
    return quote(step.replace("~", "~0").replace("/", "~1"), safe=_FRAGMENT)
