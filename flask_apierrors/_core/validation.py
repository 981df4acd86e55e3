"""What validators find wrong, as a sentence and as a flat list."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, Protocol
from urllib.parse import quote

from flask import Request

from .errors import ApiError, FieldError
from .http import is_bodiless
from .sentences import Sentence
from .text import as_text

if TYPE_CHECKING:
    from .config import Config

#: The place of a value: the names of fields and the indexes of items.
Path = tuple[str | int, ...]
#: A part of a tree: its depth, the path to its parent, its key, and itself.
Node = tuple[int, Path, object, object]

_NO_STEP = object()  # the key of what has no place of its own
_MAX_NODES = 100_000
_MAX_DEPTH = 64
_MAX_INDEX = 10**9
_MAX_NAME = 100
_MAX_TEXT = 1_000
_FRAGMENT = "!$&'()*+,;=:@?~"
_MAPPINGS = (dict, Mapping)  # the usual class first: an abstract one takes longer to check
_LISTS = (list, tuple, set, frozenset)


class FieldMessage(str):
    """A message with the kind of value that its field takes: ``Invalid 'to' timestamp: ...``."""

    __slots__ = ("kind",)
    kind: str

    def __new__(cls, text: str, kind: str) -> FieldMessage:
        message = super().__new__(cls, text)
        message.kind = kind
        return message


class Invalid(NamedTuple):
    """What is wrong with a request."""

    errors: tuple[FieldError, ...]
    #: A sentence for each error.
    sentences: tuple[str, ...]
    #: How many errors were left out.
    more: int
    #: Makes the text of a sentence: the administrator's, or the default.
    text_of: Callable[[Sentence], str] = str

    @property
    def sentence(self) -> str:
        """All sentences as one text. It is empty if there are none."""
        if not self.more:
            return "; ".join(self.sentences)
        return "; ".join((*self.sentences, self.text_of(Sentence("more-errors", count=self.more))))


class Validator(Protocol):
    """A library that validates. Each has a file of its own in ``_libraries``."""

    def exceptions(self) -> tuple[type[Exception], ...]:
        """Return its exceptions that are no ``HTTPException``. Import the library here."""
        ...

    def describe(self, exc: Exception, req: Request, config: Config) -> Invalid | ApiError | None:
        """Describe what is wrong. ``None``: the exception is not this library's.

        An :class:`ApiError` is answered instead, for a body that could not be parsed at all.
        """
        ...


def describe(
    messages: object,
    most: int,
    location: str | None = None,
    text_of: Callable[[Sentence], str] = str,
    wire_path: Callable[[Path], Path] | None = None,
) -> Invalid:
    """Describe a tree of messages: nested mappings and lists of any objects.

    :param messages: The tree. Its keys are field names and list indexes, its leaves are texts.
    :param most: How many errors to report. The rest is counted, up to 100,000 parts of the tree.
    :param location: ``query``, ``header``, ``path`` or ``cookie``. ``None`` is the body.
    :param text_of: Makes the text of a sentence.
    :param wire_path: Converts a path in the tree to the path in the request, for a library whose
        trees have steps of their own.
    """
    nodes: list[Node] = [(0, (), _NO_STEP, messages)]
    sentences: list[str] = []
    errors: list[FieldError] = []
    for path, leaf in islice(_leaves(nodes), most):
        if wire_path is not None:
            path = wire_path(path)
        name = _dotted(path)
        message = _shorten(as_text(leaf).strip(), _MAX_TEXT) or text_of(Sentence("invalid-value"))
        if location is None:
            errors.append(FieldError(message, pointer=_pointer(path)))
        else:
            errors.append(FieldError(message, parameter=name if path else None, location=location))
        sentences.append(text_of(_sentence(name, leaf, message)) if path else message)
    more = _count(nodes) if nodes else 0
    return Invalid(tuple(errors), tuple(sentences), more, text_of)


def location_of(data: object, req: Request) -> str | None:
    """Find out where data comes from: by its identity, else by whether there is a body.

    :returns: ``query``, ``header``, ``path`` or ``cookie``. ``None`` is the body.
    """
    if data is not None and data is req.view_args:
        return "path"
    # A dict or a list is JSON. To read the other sources would cost more than the validation.
    if type(data) not in (dict, list):
        # Data that was not read yet is none of them, and reading it here may fail.
        sources = {"query": "args", "header": "headers", "cookie": "cookies"}
        for location, name in sources.items():
            if data is not None and data is vars(req).get(name):
                return location
    return "query" if is_bodiless(req) else None


# -- the tree


def _leaves(nodes: list[Node]) -> Iterator[tuple[Path, object]]:
    """Yield the leaves in order, without recursion. What is too deep or too much is left out.

    :param nodes: The tree. What is yielded is taken off, so that the rest can be counted.
    """
    for _ in range(_MAX_NODES):
        if not nodes:
            return
        depth, parent, key, node = nodes.pop()
        path = parent + _steps(key)
        if type(node) is list and len(node) == 1:
            node = node[0]  # most fields have one text, in a list of its own
        parts = _parts(node)
        if parts is None:
            yield path, node
        elif depth < _MAX_DEPTH:
            deeper = depth + 1
            nodes.extend([(deeper, path, step, part) for step, part in reversed(parts)])


def _count(nodes: list[Node]) -> int:
    """Count the leaves that are left. To make their paths would cost as much as the validation."""
    left = [(depth, node) for depth, _, _, node in nodes]
    count, budget = 0, _MAX_NODES
    while left and budget > 0:
        depth, node = left.pop()
        children = _children(node)
        if children is None:
            count += 1
        elif depth < _MAX_DEPTH:
            for child in children if len(children) <= budget else islice(children, budget):
                if type(child) is list and len(child) == 1:
                    child = child[0]
                if type(child) is str:
                    count += 1
                else:
                    left.append((depth + 1, child))
            budget -= len(children)
    return count


def _children(node: object) -> Collection[object] | None:
    if type(node) is list:
        return node
    if type(node) is dict:
        return node.values()
    parts = _parts(node)
    return None if parts is None else [child for _, child in parts]


def _parts(node: object) -> list[tuple[object, object]] | None:
    """Return the parts of a node with their keys, or ``None`` for a leaf. Items have no key."""
    if type(node) is str:
        return None
    if type(node) is dict:
        return list(node.items())
    try:
        if isinstance(node, _MAPPINGS):
            return [(key, child) for key, child in islice(node.items(), _MAX_NODES)]
        if isinstance(node, _LISTS):
            return [(_NO_STEP, child) for child in islice(node, _MAX_NODES)]
    except Exception:
        return None
    return None


def _steps(key: object) -> Path:
    if key is _NO_STEP:
        return ()
    if type(key) is int and 0 <= key < _MAX_INDEX:
        return (key,)
    return (_shorten(as_text(key), _MAX_NAME),)


def _shorten(text: str, length: int) -> str:
    return text if len(text) <= length else text[:length] + "…"


# -- how an error is reported


def _sentence(name: str, leaf: object, message: str) -> Sentence:
    if isinstance(leaf, FieldMessage):
        return Sentence("invalid-typed-field", name=name, kind=leaf.kind, message=message)
    return Sentence("invalid-field", name=name, message=message)


def _dotted(path: Path) -> str:
    steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in path]
    return "".join(steps).removeprefix(".")


def _pointer(path: Path) -> str:
    return "#" + "".join(["/" + _escape(str(step)) for step in path])


def _escape(step: str) -> str:
    if step.isascii() and (step.isidentifier() or step.isdigit()):
        return step
    return quote(step.replace("~", "~0").replace("/", "~1"), safe=_FRAGMENT)
