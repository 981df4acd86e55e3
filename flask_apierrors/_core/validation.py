"""What validators find wrong, as a sentence and as a flat list."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from flask import Request
from werkzeug.exceptions import HTTPException

from .errors import ApiError, FieldError, FieldErrors, ValidationFailed
from .pointer import pointer_to, steps_of
from .sentences import Sentence
from .text import as_text

if TYPE_CHECKING:
    from .config import Config

#: The place of a value: the names of fields and the indexes of items.
Path = tuple[str | int, ...]
#: Returns the location of the value at a path, as :class:`FieldError` names it.
Locate = Callable[[Path], str | None]
#: A part of a tree: its depth, the path to its parent, its key, and itself.
Node = tuple[int, Path, object, object]

_NO_STEP = object()  # the key of what has no place of its own
_MAX_NODES = 100_000
_MAX_DEPTH = 64
_MAX_INDEX = 10**9
_MAX_NAME = 100
_MAX_TEXT = 1_000
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


@dataclass(frozen=True, slots=True)
class Message:
    """A message, and what a program can read of it."""

    text: object
    code: object = None
    params: Mapping[str, Any] | None = None


class Place(NamedTuple):
    """The place of an error."""

    #: The path of the value in the request.
    path: Path
    #: The path that the sentence names. It may lead into a text, such as ``1,x,3``.
    name: Path


class Dialect:
    """How a library writes its trees of messages. This one adds no words of its own."""

    def place(self, path: Path, text: object) -> Place:
        """Convert a path in the tree to the place in the request.

        :param text: The message.
        """
        return Place(path, path)

    def messages(
        self, node: Mapping[Any, Any], path: Path | None = None
    ) -> Sequence[Message] | None:
        """Read a mapping that is a message with a code, and no part of the tree.

        :param path: Its path in the tree. ``None``: it is not known.
        :returns: ``None`` for a part of the tree.
        """
        return None


PLAIN = Dialect()


class Invalid(NamedTuple):
    """What is wrong with a request."""

    errors: FieldErrors
    #: A sentence for each field.
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


class Validator(ABC):
    """A library that validates. Each has a file of its own in ``_libraries``."""

    def exceptions(self) -> tuple[type[Exception], ...]:
        """Return its exceptions that are no ``HTTPException``. Import the library here."""
        return ()

    def functions(self) -> Iterable[Callable[..., Any]]:
        """Return its functions that raise such an exception for invalid data."""
        return ()

    def is_internal(self, exc: Exception, req: Request) -> bool:
        """Whether an exception is this library's, and about data that no client sent."""
        return False

    @abstractmethod
    def describe(
        self, exc: Exception, req: Request, config: Config
    ) -> Invalid | HTTPException | None:
        """Describe what is wrong with a request. ``None``: the exception does not say that.

        An ``HTTPException`` is answered instead, for a body that could not be parsed at all.
        """


def describe(
    messages: object,
    most: int,
    location: Locate | str | None = None,
    text_of: Callable[[Sentence], str] = str,
    dialect: Dialect = PLAIN,
) -> Invalid:
    """Describe a tree of messages: nested mappings and lists of any objects.

    :param messages: The tree. Its keys are field names and list indexes, its leaves are texts.
    :param most: How many errors to report. The rest is counted, up to 100,000 parts of the tree.
    :param location: ``query``, ``header``, ``path`` or ``cookie``, or a function that returns it.
        ``None`` is the body.
    :param text_of: Makes the text of a sentence.
    :param dialect: How the library writes its trees.
    """
    nodes: list[Node] = [(0, (), _NO_STEP, messages)]

    def error_at(place: Place, message: Message) -> FieldError:
        where = location(place.path) if callable(location) else location
        return field_error(message, place.path, where, text_of)

    errors: list[FieldError] = []
    names: list[tuple[str | None, str | None]] = []
    for path, message in islice(_leaves(nodes, dialect), most):
        place = dialect.place(path, message.text)
        errors.append(error_at(place, message))
        kind = message.text.kind if isinstance(message.text, FieldMessage) else None
        names.append((_dotted(place.name) if place.name else None, kind))

    def rest() -> Iterator[FieldError]:
        for path, message in _leaves(nodes.copy(), dialect):
            yield error_at(dialect.place(path, message.text), message)

    sentences = _sentences(names, errors, text_of)
    return Invalid(FieldErrors(errors, rest), sentences, _count(nodes, dialect), text_of)


def describe_errors(
    errors: Sequence[FieldError], most: int, text_of: Callable[[Sentence], str] = str
) -> Invalid:
    """Describe errors that have their places already.

    :param errors: The errors.
    :param most: How many to report. The rest is counted.
    :param text_of: Makes the text of a sentence.
    """
    reported = FieldErrors(map(_resolved, errors[:most]), lambda: map(_resolved, errors[most:]))
    names = [(_name_of(error), None) for error in reported]
    sentences = _sentences(names, reported, text_of)
    return Invalid(reported, sentences, max(0, len(errors) - most), text_of)


def _resolved(error: FieldError) -> FieldError:
    """Make the text of an error whose detail is lazy."""
    is_text = type(error.detail) is str
    return error if is_text else replace(error, detail=as_text(error.detail))


def failed_validation(
    errors: Sequence[FieldError],
    status: int,
    config: Config,
    headers: Mapping[str, Any] | None = None,
) -> ApiError:
    """Return the exception for what another library found wrong.

    :param errors: The errors.
    :param status: The status of that library. The usual ones become that of the configuration.
    :param headers: Header fields that the author chose.
    """
    if status in (400, 422):
        failure = ValidationFailed(headers=headers)
        failure.errors = errors  # type: ignore[assignment] # it may be lazy
        return failure
    invalid = describe_errors(errors, config.max_errors, config.text_of)
    return ApiError(invalid.sentence, status=status, headers=headers, errors=invalid.errors)


class LazyErrors(Sequence[FieldError]):
    """Errors that are made when they are reported: there may be very many.

    :param make: Makes an error.
    :param parts: What it makes them of.
    """

    def __init__(self, make: Callable[[Any], FieldError], parts: Sequence[Any]) -> None:
        self._make = make
        self._parts = parts

    def __len__(self) -> int:
        return len(self._parts)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self._make(part) for part in self._parts[index]]
        return self._make(self._parts[index])


# -- the tree


def _leaves(nodes: list[Node], dialect: Dialect) -> Iterator[tuple[Path, Message]]:
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
        if type(node) is dict and "message" in node:
            node = dialect.messages(node, path) or node
        parts = _parts(node)
        if parts is None:
            yield path, node if isinstance(node, Message) else Message(node)
        elif depth < _MAX_DEPTH:
            deeper = depth + 1
            nodes.extend([(deeper, path, step, part) for step, part in reversed(parts)])


def _count(nodes: list[Node], dialect: Dialect) -> int:
    """Count the leaves that are left. To make their paths would cost as much as the validation."""
    left = [(depth, node) for depth, _, _, node in nodes]
    count, budget = 0, _MAX_NODES
    while left and budget > 0:
        depth, node = left.pop()
        if type(node) is dict and "message" in node:
            node = dialect.messages(node) or node
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


def field_error(
    message: Message,
    path: Path,
    location: str | None = None,
    text_of: Callable[[Sentence], str] = str,
) -> FieldError:
    """Make the error for a message.

    :param message: The message. One without a text says no more than that the value is invalid.
    :param path: The path of the value in the request.
    :param location: ``query``, ``header``, ``path`` or ``cookie``. ``None`` is the body.
    :param text_of: Makes the text of a sentence.
    """
    text = _shorten(as_text(message.text).strip(), _MAX_TEXT)
    text = text or text_of(Sentence("invalid-value"))
    code, params = message.code, message.params
    if code is not None and not isinstance(code, str | int):
        code = as_text(code)
    if location is None:
        return FieldError(text, pointer_to(path), code=code, params=params)
    # An item of a list has no name of its own: `ids=1&ids=x` names both `ids`.
    items = (position for position, step in enumerate(path) if isinstance(step, int) and position)
    name = _dotted(path[: next(items, None)]) if path else None
    return FieldError(text, parameter=name, location=location, code=code, params=params)


def _sentences(
    names: Sequence[tuple[str | None, str | None]],
    errors: Sequence[FieldError],
    text_of: Callable[[Sentence], str],
) -> tuple[str, ...]:
    """Make a sentence for each field.

    :param names: The name of each error's field and the kind of value that it takes.
    """
    fields: dict[tuple[str | None, str | None], list[str]] = {}
    for field, error in zip(names, errors, strict=True):
        fields.setdefault(field, []).append(error.detail)
    sentences = []
    for (name, kind), details in fields.items():
        text = " ".join(details)
        sentences.append(text if name is None else text_of(_sentence(name, kind, text)))
    return tuple(sentences)


def _sentence(name: str, kind: str | None, message: str) -> Sentence:
    if kind is None:
        return Sentence("invalid-field", name=name, message=message)
    return Sentence("invalid-typed-field", name=name, kind=kind, message=message)


def _name_of(error: FieldError) -> str | None:
    """Return the name of an error's field in the sentence: ``items[3].name``."""
    if error.parameter is not None or not error.pointer:
        return error.parameter
    steps = steps_of(error.pointer)
    return _dotted(steps) if steps else None


def _dotted(path: Path) -> str:
    steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in path]
    return "".join(steps).removeprefix(".")
