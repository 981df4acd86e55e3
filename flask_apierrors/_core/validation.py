"""What validators find wrong, as a sentence and as a flat list."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, Protocol
from urllib.parse import quote

from flask import Request

from .errors import FieldError
from .http import HeaderPairs, is_bodiless
from .sentences import Sentence
from .text import as_text

if TYPE_CHECKING:
    from .config import Config

Path = tuple[str | int, ...]
Node = tuple[int, Path, object, object]  # its depth, where its parent is, its key, and itself

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
    """What is wrong with a request."""

    errors: tuple[FieldError, ...]
    #: A sentence for each of the errors.
    sentences: tuple[str, ...]
    #: How many errors were left out.
    more: int
    #: Header fields that the validator asks for.
    headers: HeaderPairs = ()
    #: Makes text of a sentence: the administrator's, or the default.
    text_of: Callable[[Sentence], str] = str

    @property
    def sentence(self) -> str:
        """All of it as one text. It is empty if there are no messages."""
        if not self.more:
            return "; ".join(self.sentences)
        return "; ".join((*self.sentences, self.text_of(Sentence("more-errors", count=self.more))))


class Validator(Protocol):
    """A library that validates. Each has a file of its own in ``_libraries``."""

    def exceptions(self) -> tuple[type[Exception], ...]:
        """Return the exceptions that are no ``HTTPException``. Import the library here."""
        ...

    def describe(self, exc: Exception, req: Request, config: Config) -> Invalid | None:
        """Say what is wrong with a request. ``None``: the exception is not this library's."""
        ...


def describe(
    messages: object,
    most: int,
    location: str | None = None,
    data: object = None,
    text_of: Callable[[Sentence], str] = str,
) -> Invalid:
    """Describe a tree of messages: nested dicts and lists of any objects, as marshmallow has it.

    :param messages: The tree. Its keys are field names and list indexes, its leaves are texts.
    :param most: How many errors to report. Further ones are counted, up to 100,000 parts.
    :param location: ``query``, ``header``, ``path`` or ``cookie``. ``None`` is the body.
    :param data: The data that was validated, if it is known. It tells a field called ``value``
        from the step ``value`` that marshmallow adds for an entry of a ``Dict``. It is never
        reported.
    :param text_of: Makes text of a sentence.
    """
    nodes: list[Node] = [(0, (), _SCHEMA, messages)]
    sentences: list[str] = []
    errors: list[FieldError] = []
    for raw_path, leaf in islice(_leaves(nodes), most):
        path = _wire_path(raw_path, data)
        message = _shorten(as_text(leaf).strip(), _MAX_TEXT) or text_of(Sentence("invalid-value"))
        errors.append(_field_error(message, path, location))
        if not path:
            sentences.append(message)
        elif isinstance(leaf, FieldMessage):
            name, kind = _dotted(path), leaf.kind
            sentence = Sentence("invalid-typed-field", name=name, kind=kind, message=message)
            sentences.append(text_of(sentence))
        else:
            sentences.append(
                text_of(Sentence("invalid-field", name=_dotted(path), message=message))
            )
    return Invalid(tuple(errors), tuple(sentences), _count(nodes), (), text_of)


def location_of(data: object, req: Request) -> str | None:
    """Find out where validated data came from: by its identity, else by whether there is a body.

    :returns: ``query``, ``header``, ``path`` or ``cookie``. ``None`` is the body.
    """
    if data is not None and data is req.view_args:
        return "path"
    # A dict or a list is JSON. To read the other sources would cost more than the validation.
    if type(data) not in (dict, list):
        sources = {"query": req.args, "header": req.headers, "cookie": req.cookies}
        for location, source in sources.items():
            if data is source:
                return location
    return "query" if is_bodiless(req) else None


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
    return () if text == _SCHEMA else (_shorten(text, _MAX_NAME),)


def _shorten(text: str, length: int) -> str:
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
