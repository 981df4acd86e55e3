"""Finds in the source which exceptions leave a view. It runs nothing of what it reads."""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from inspect import getattr_static
from linecache import getlines
from pathlib import Path
from types import FunctionType, NoneType
from typing import Any, NamedTuple

from werkzeug.exceptions import Aborter, HTTPException, Unauthorized, default_exceptions

from .._core.errors import ApiError
from .._libraries.guards import GUARD_MARKS
from .._libraries.validators import failures
from .conditions import Facts, facts_of, truth_of
from .scopes import (
    DEFINITIONS,
    UNKNOWN,
    FunctionNode,
    Inner,
    Instance,
    Method,
    PythonFunction,
    Scope,
    attribute_of,
    body_of,
    callable_of,
    children_of,
)
from .source import parse, place, place_of

#: How many calls deep a view is followed.
_MAX_DEPTH = 8
#: The arguments by which functions named ``abort`` take the status.
_STATUS_ARGUMENTS = ("code", "status", "status_code", "http_status_code")
#: The end of the names of methods such as ``first_or_404``.
_OR_STATUS = re.compile("_or_([45][0-9]{2})")
_TRY = tuple(vars(ast)[name] for name in ("Try", "TryStar") if hasattr(ast, name))
#: What a function can get as an argument and do something with.
_BOUND = (int, str, NoneType, type, Instance, Method, FunctionType)
_PACKAGE = __package__.partition(".")[0]
_INSTALLED = re.compile(r"[/\\](site|dist)-packages[/\\]")


class Exit(NamedTuple):
    """An exception that leaves a function."""

    #: The class, or ``None`` if the source does not say which one.
    error: type[BaseException] | None
    #: Where it is raised, such as ``views.py:12``.
    place: str
    #: The status, if it is not that of the class.
    status: int | None = None


Exits = tuple[Exit, ...]
#: What ``except`` clauses caught, by the name there. ``None``: what the innermost one caught.
_Caught = Mapping[str | None, Exits]
#: The exits of functions, and how deep each was followed.
Results = dict[Any, tuple[int, Exits]]
#: The functions of each file, by their names and their first lines.
_Trees = dict[str, dict[tuple[str, int], FunctionNode]]
#: What functions of validators raise for invalid data.
_Failures = Mapping[Callable[..., Any], type[Exception]]


class _Home(NamedTuple):
    """The package of a view, and the folder that it is in."""

    package: str
    folder: str

    def has(self, function: FunctionType) -> bool:
        """Whether a function is of the same project."""
        package = _package_of(function)
        if package in (self.package, _PACKAGE):
            return package == self.package
        file = function.__code__.co_filename
        return file.startswith(self.folder) and not _INSTALLED.search(file)


def _package_of(function: FunctionType) -> str:
    return str(function.__module__).partition(".")[0]


def _home_of(function: FunctionType) -> _Home:
    package = _package_of(function)
    file = getattr(sys.modules.get(package), "__file__", None)
    if file is None:
        return _Home(package, "\0")  # no file is in this folder
    folder = Path(file).parent
    return _Home(package, f"{folder.parent if Path(file).stem == '__init__' else folder}{os.sep}")


class ExitReader:
    """Reads the exits of views. It keeps the syntax trees of their files while it is in use.

    :param results: What was read before.
    """

    def __init__(self, results: Results) -> None:
        self._results = results
        self._trees: _Trees = {}
        self._failures = failures()

    def exits_of(
        self,
        view: Callable[..., Any],
        method: str,
        endpoint: str = "",
        hooks: Iterable[Callable[..., Any]] = (),
    ) -> Exits:
        """Return the exits of a view, with its decorators and what it calls in its project.

        :param method: The method of the request.
        :param endpoint: The endpoint of the view.
        :param hooks: Functions that run before the view. Those of other projects are left out.
        """
        facts = facts_of(endpoint, method)
        handler = _handler_of(view, method)
        unread = (Exit(None, place_of(view)),)
        if handler is None:
            return unread
        home = _home_of(_function_of(handler))
        walk = _Walk(self._results, self._trees, self._failures, home)
        callees = [callable_of(function) for function in (*hooks, view)]
        decorators: Any = ()
        if isinstance(handler, Method):
            dispatch = attribute_of(handler.receiver, "dispatch_request")
            callees += [handler, callable_of(dispatch)]
            decorators = attribute_of(handler.receiver, "method_decorators")  # Flask-RESTful's
        try:
            exits = [each for callee in callees for each in walk.follow(callee, {}, facts)]
            for decorator in decorators if isinstance(decorators, list | tuple) else ():
                exits += walk.wrapper_of(decorator)
        except RecursionError:
            return unread
        if walk.node_of(_function_of(handler)) is None:
            exits += unread
        return tuple(dict.fromkeys(exits))


def _handler_of(view: Any, method: str) -> PythonFunction | None:
    """Return the innermost function of a view. For a class, it is that of the method."""
    cls = getattr(view, "view_class", None)
    if isinstance(cls, type):
        names = (method.lower(), *(("get",) if method == "HEAD" else ()), "dispatch_request")
        methods = (attribute_of(Instance(cls), name) for name in names)
        return next((function for function in methods if isinstance(function, Method)), None)
    *_, callee = [None, *_layers(callable_of(view))]
    return callee


def _layers(callee: PythonFunction | None) -> Iterator[PythonFunction]:
    """Yield a function and what it wraps, the outermost decorator first."""
    seen: set[object] = set()
    while callee is not None and callee not in seen:  # it can wrap itself
        seen.add(callee)
        yield callee
        callee = _wrapped_by(callee)


def _function_of(callee: PythonFunction) -> FunctionType:
    return callee.function if isinstance(callee, Method) else callee


class _Walk:
    """A walk through the functions of one project."""

    def __init__(self, results: Results, trees: _Trees, failures: _Failures, home: _Home) -> None:
        self._results = results
        self._trees = trees
        self.failures = failures
        self._home = home
        #: How often the walk ended before it was complete.
        self._cuts = 0

    def node_of(self, function: FunctionType) -> FunctionNode | None:
        """Return the syntax tree of a function, if its source can be read."""
        code = function.__code__
        if code.co_filename not in self._trees:
            self._trees[code.co_filename] = _parse(code.co_filename, function.__globals__)
        return self._trees[code.co_filename].get((code.co_name, code.co_firstlineno))

    def own(self, callee: PythonFunction | None) -> PythonFunction | None:
        """Return a function of the project: this one, or the first that it wraps."""
        return next((each for each in _layers(callee) if self._home.has(_function_of(each))), None)

    def follow(
        self,
        callee: PythonFunction | None,
        arguments: Mapping[str, Any],
        facts: Facts,
        depth: int = _MAX_DEPTH,
    ) -> Exits:
        """Return the exits of a function, if it is of the project or wraps one that is."""
        callee = self.own(callee)
        if callee is None:
            return ()
        if not depth:
            self._cuts += 1
            return ()
        key = (callee, self._home, frozenset(arguments.items()), frozenset(facts.items()))
        read_depth, exits = self._results.get(key, (0, ()))
        if read_depth < depth:
            self._results[key] = (depth, ())  # it may call itself
            cuts = self._cuts
            exits = tuple(dict.fromkeys(self._read(callee, arguments, facts, depth)))
            is_complete = self._cuts == cuts
            self._results[key] = (_MAX_DEPTH if is_complete else depth, exits)
        return exits

    def wrapper_of(self, decorator: Any) -> Iterator[Exit]:
        """Yield the exits of the wrapper that a decorator makes, before it decorates anything."""
        callee = self.own(callable_of(decorator))
        node = self.node_of(_function_of(callee)) if callee is not None else None
        if callee is not None and node is not None:
            scope = Scope(_function_of(callee), node, {})
            for inner in body_of(node):
                if isinstance(inner, ast.FunctionDef):
                    own_scope = Scope(scope.function, inner, {}, scope)
                    yield from _Body(self, own_scope, None, {}, _MAX_DEPTH).exits(inner.body, {})

    def _read(
        self, callee: PythonFunction, arguments: Mapping[str, Any], facts: Facts, depth: int
    ) -> Iterator[Exit]:
        function = _function_of(callee)
        node = self.node_of(function)
        wrapped = _wrapped_by(callee)
        if node is not None:
            scope = Scope(function, node, _receiver(callee) | dict(arguments))
            body = _Body(self, scope, wrapped, facts, depth)
            yield from body.exits(body_of(node), {})
            if wrapped is not None and _function_of(wrapped) in scope.calls:
                return
        # A decorator may hand the function to another one, which calls it.
        yield from self.follow(wrapped, {}, facts, depth)


def _wrapped_by(callee: PythonFunction) -> PythonFunction | None:
    """Return what a decorator wraps. The function in a method is a method of the same object."""
    wrapped = callable_of(getattr_static(_function_of(callee), "__wrapped__", None))
    if isinstance(callee, Method) and isinstance(wrapped, FunctionType):
        return Method(wrapped, callee.receiver)
    return wrapped


def _receiver(callee: PythonFunction) -> dict[str, Any]:
    """Return the first argument of a method by its name."""
    if isinstance(callee, Method) and callee.function.__code__.co_argcount:
        return {callee.function.__code__.co_varnames[0]: callee.receiver}
    return {}


def _parse(filename: str, names: dict[str, Any]) -> dict[tuple[str, int], FunctionNode]:
    """Return the functions of a file by their names and their first lines."""
    text = "".join(getlines(filename, names))
    tree = parse(text)
    if tree is None:
        return {}
    functions: dict[tuple[str, int], FunctionNode] = {}
    has_lambdas = "lambda" in text
    rest: list[ast.AST] = [tree]
    while rest:
        node = rest.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            functions[node.name, first] = node
        elif isinstance(node, ast.Lambda):
            functions["<lambda>", node.lineno] = node
        # Only lambdas are in expressions, and to look there takes four times as long.
        rest += ast.iter_child_nodes(node) if has_lambdas else _statements_in(node)
    return functions


def _statements_in(node: ast.AST) -> Iterator[ast.AST]:
    for name in ("body", "orelse", "finalbody", "handlers", "cases"):
        yield from getattr(node, name, ())


class _Body:
    """The statements of a function."""

    def __init__(
        self,
        walk: _Walk,
        scope: Scope,
        wrapped: PythonFunction | None,
        facts: Facts,
        depth: int,
    ) -> None:
        self._walk = walk
        self._scope = scope
        self._wrapped = wrapped
        self._facts = facts
        self._depth = depth

    def exits(self, nodes: Iterable[ast.AST], caught: _Caught) -> list[Exit]:
        """Return the exits of statements and expressions.

        :param caught: What ``raise`` without an exception raises again.
        """
        exits: list[Exit] = []
        for node in nodes:
            if isinstance(node, ast.If) and (truth := self._truth(node)) is not None:
                taken = node.body if truth else node.orelse
                exits += self.exits(taken, caught)
                if taken and isinstance(taken[-1], ast.Return | ast.Raise):
                    break
            elif isinstance(node, _TRY):
                exits += self._exits_of_try(node, caught)
            elif isinstance(node, ast.With) and (errors := self._suppressed(node)):
                exits += [
                    each for each in self.exits(node.body, caught) if not _catches(errors, each)
                ]
            elif not isinstance(node, DEFINITIONS):
                if isinstance(node, ast.Raise):
                    exits += self._exits_of_raise(node, caught)
                elif isinstance(node, ast.Call):
                    exits += self._exits_of_call(node)
                exits += self.exits(children_of(node), caught)
        return exits

    def _truth(self, node: ast.If) -> bool | None:
        return truth_of(node.test, self._facts, self._scope)

    def _place(self, node: ast.expr | ast.stmt) -> str:
        return place(self._scope.function.__code__.co_filename, node.lineno)

    # -- try

    def _exits_of_try(self, node: Any, caught: _Caught) -> list[Exit]:
        left = self.exits(node.body, caught)
        exits = self.exits([*node.orelse, *node.finalbody], caught)
        for handler in node.handlers:
            errors = self._errors_of(handler.type)
            own = tuple(each for each in left if _catches(errors, each))
            left = [each for each in left if each not in own]
            names = {None: own} | ({handler.name: own} if handler.name else {})
            exits += self.exits(handler.body, {**caught, **names})
        return left + exits

    def _errors_of(self, node: ast.expr | None) -> tuple[type[BaseException], ...]:
        """Return the classes of an ``except`` clause."""
        if node is None:
            return (BaseException,)
        return tuple(_classes(self._scope.values(node)))

    def _suppressed(self, node: ast.With) -> tuple[type[BaseException], ...]:
        """Return the classes that ``contextlib.suppress`` catches in a ``with`` statement."""
        calls = [
            item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call)
        ]
        arguments = [
            argument
            for call in calls
            if any(value is suppress for value in self._scope.values(call.func))
            for argument in call.args
        ]
        return tuple(error for argument in arguments for error in self._errors_of(argument))

    # -- raise

    def _exits_of_raise(self, node: ast.Raise, caught: _Caught) -> Iterator[Exit]:
        if node.exc is None:
            yield from caught.get(None, ())
            return
        if isinstance(node.exc, ast.Name) and node.exc.id in caught:
            yield from caught[node.exc.id]
            return
        for value in self._scope.values(node.exc):
            yield self._exit_of(value, node)

    def _exit_of(self, value: Any, node: ast.stmt | ast.expr) -> Exit:
        """Return the exit by an exception or by a class of exceptions."""
        cls = value if isinstance(value, type) else type(value)
        status = None
        if isinstance(value, Instance):
            cls, status = value.cls, value.status
        if not issubclass(cls, BaseException):
            return Exit(None, self._place(node))
        if not issubclass(cls, HTTPException) or cls.code is not None:
            return Exit(cls, self._place(node))
        if status is not None and issubclass(cls, ApiError):
            # The class that the error has then: that of its status.
            return Exit(type(ApiError.__new__(cls, status=status)), self._place(node), status)
        return Exit(None, self._place(node))

    # -- calls

    def _exits_of_call(self, node: ast.Call) -> Iterator[Exit]:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        for value in self._scope.values(node.func):
            callee = callable_of(value)
            own = self._walk.own(callee)
            if isinstance(value, Inner):
                yield from self._exits_of_inner(value)
            elif callee is not None and own is not None:
                arguments = {} if isinstance(value, partial) else self._bind(own, node)
                yield from self._exits_of_function(callee, own, node, arguments)
            elif callee is not None and _function_of(callee) in self._walk.failures:
                yield Exit(self._walk.failures[_function_of(callee)], self._place(node))
            elif _is_abort(value):
                yield from self._exits_of_abort(node, is_certain=True)
            elif value is UNKNOWN and name == "abort":
                yield from self._exits_of_abort(node, is_certain=False)
            elif match := _OR_STATUS.search(name):
                yield from self._exit_of_status(int(match[1]), node)

    def _exits_of_function(
        self, callee: PythonFunction, own: PythonFunction, node: ast.Call, arguments: dict[str, Any]
    ) -> Exits:
        """Return the exits of a function of the project.

        :param callee: What is called.
        :param own: The function of the project in it.
        """
        function = _function_of(callee)
        self._scope.calls.add(function)
        if self._wrapped is not None and _function_of(self._wrapped) is function:
            # A view can have many decorators: they are no calls of its own.
            if _forwards_all(node):
                arguments = dict(self._scope.arguments)
            return self._walk.follow(self._wrapped, arguments, self._facts, self._depth)
        exits = self._walk.follow(own, arguments, {}, self._depth - 1)
        # Such as ``super().post()``, where the base class guards its method.
        if any(map(_authenticates, _layers(callee))):
            exits = (Exit(Unauthorized, self._place(node)), *exits)
        return exits

    def _exit_of_status(self, status: int, node: ast.Call) -> Iterator[Exit]:
        if status in default_exceptions:
            yield Exit(default_exceptions[status], self._place(node))

    def _exits_of_abort(self, node: ast.Call, *, is_certain: bool) -> Iterator[Exit]:
        named = (keyword.value for keyword in node.keywords if keyword.arg in _STATUS_ARGUMENTS)
        argument = next(iter((*node.args, *named)), None)
        if argument is None:
            return
        for value in self._scope.values(argument):
            if isinstance(value, int):
                yield from self._exit_of_status(int(value), node)
            elif is_certain:
                yield Exit(None, self._place(node))

    def _exits_of_inner(self, inner: Inner) -> Iterator[Exit]:
        if self._depth:
            scope = Scope(self._scope.function, inner.node, {}, self._scope, self._scope.calls)
            yield from _Body(self._walk, scope, None, {}, self._depth - 1).exits(
                body_of(inner.node), {}
            )

    def _bind(self, callee: PythonFunction, call: ast.Call) -> dict[str, Any]:
        """Return the parameters whose values are known, of the function that does the work."""
        *_, innermost = _layers(callee)
        function = _function_of(innermost)
        code = function.__code__
        names = code.co_varnames[: code.co_argcount]
        # Some of the arguments of f(*arguments) have no place that is known.
        starred = [isinstance(argument, ast.Starred) for argument in call.args]
        positional = call.args[: [*starred, True].index(True)]
        defaults: dict[str, Any] = {}
        if not any(starred) and all(keyword.arg for keyword in call.keywords):
            last = function.__defaults__ or ()
            defaults |= zip(names[len(names) - len(last) :], last, strict=True)
            defaults |= function.__kwdefaults__ or {}
        named = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
        offset = isinstance(callee, Method)
        named |= zip(names[offset:], positional, strict=False)
        values = defaults | {name: self._scope.value(node) for name, node in named.items()}
        return {name: value for name, value in values.items() if isinstance(value, _BOUND)}


def _forwards_all(call: ast.Call) -> bool:
    """Whether a decorator hands on its arguments as they are: ``view(*args, **kwargs)``."""
    is_starred = all(isinstance(argument, ast.Starred) for argument in call.args)
    return is_starred and not any(keyword.arg for keyword in call.keywords)


def _authenticates(layer: PythonFunction) -> bool:
    """Whether a wrapper is a guard of a library's that authenticates."""
    marks = (guard_mark(_function_of(layer)) for guard_mark in GUARD_MARKS)
    return any(mark is not None and mark.authenticates for mark in marks)


def _is_abort(value: Any) -> bool:
    """Whether an object is an ``abort``: Flask's, Werkzeug's, or one of another framework."""
    function = value.function if isinstance(value, Method) else value
    if isinstance(function, FunctionType):
        return function.__name__ == "abort"
    return isinstance(value, Aborter)


def _classes(values: Iterable[Any]) -> Iterator[type[BaseException]]:
    """Yield the classes of exceptions among objects and tuples of objects."""
    for value in values:
        if isinstance(value, tuple):
            yield from _classes(value)
        elif isinstance(value, type) and issubclass(value, BaseException):
            yield value


def _catches(errors: tuple[type[BaseException], ...], exit: Exit) -> bool:
    return issubclass(exit.error or Exception, errors)
