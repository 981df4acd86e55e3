"""What the names in a function stand for. Nothing of the author's runs: no property, no proxy."""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from inspect import getattr_static
from itertools import chain
from types import FunctionType, MethodType, ModuleType
from typing import Any, Final

from werkzeug.exceptions import HTTPException

#: An object of which the source does not say what it is.
UNKNOWN: Final[Any] = type("Unknown", (), {"__slots__": ()})()
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
#: Nodes that neither define a name nor call or raise anything.
_IDLE = (ast.Constant, ast.expr_context, ast.boolop, ast.operator, ast.unaryop, ast.cmpop)


@dataclass(frozen=True, slots=True)
class Instance:
    """Some object of a class."""

    cls: type
    #: The status that an exception of no status of its own was made with.
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Method:
    """A function with what it is called on: an :class:`Instance` or a class."""

    function: FunctionType
    receiver: Any


@dataclass(frozen=True, slots=True)
class Inner:
    """A function that is defined in another one."""

    node: FunctionNode


#: What runs when an object is called.
PythonFunction = FunctionType | Method


@dataclass(frozen=True, slots=True)
class _Super:
    """The value of ``super()`` in a method of a class."""

    cls: type
    receiver: Any


@dataclass(slots=True)
class Scope:
    """One function, and what the source says about its names."""

    function: FunctionType
    node: FunctionNode
    #: The parameters whose value is known.
    arguments: Mapping[str, Any]
    #: The function that this one is defined in.
    outer: Scope | None = None
    #: The functions that it calls.
    calls: set[object] = field(default_factory=set)
    _names: dict[str, list[Any]] = field(init=False)

    def __post_init__(self) -> None:
        parameters = self.node.args
        names = [*parameters.posonlyargs, *parameters.args, *parameters.kwonlyargs]
        names += filter(None, (parameters.vararg, parameters.kwarg))
        self._names = {name.arg: [self.arguments.get(name.arg, UNKNOWN)] for name in names}
        targets: set[ast.AST] = set()
        for node in own_nodes(self.node):
            for name, value in self._definitions(node, targets):
                self._names.setdefault(name, []).append(value)

    def _definitions(self, node: ast.AST, targets: set[ast.AST]) -> Iterator[tuple[str, Any]]:
        """Yield the names that a statement defines: their values, or the expressions of these."""
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield node.name, Inner(node)
            case ast.ClassDef():
                yield node.name, UNKNOWN
            case ast.ImportFrom() | ast.Import():
                yield from _imports(node, self.function.__globals__)
            case (
                ast.Assign(targets=[ast.Name() as target], value=ast.expr() as value)
                | ast.AnnAssign(target=ast.Name() as target, value=ast.expr() as value)
                | ast.NamedExpr(target=ast.Name() as target, value=value)
            ):
                targets.add(target)
                yield target.id, value
            case ast.Name(id=name, ctx=ast.Store()) if node not in targets:
                yield name, UNKNOWN
            case ast.ExceptHandler(name=str(name)):
                yield name, UNKNOWN

    def values(self, node: ast.AST) -> list[Any]:
        """Return the objects that an expression can be. Some of them may be unknown."""
        match node:
            case ast.Constant(value=value):
                return [value]
            case ast.Name(id=name):
                return self._values_of_name(name)
            case ast.Attribute(value=base, attr=name):
                return [attribute_of(value, name) for value in self.values(base)]
            case ast.IfExp(body=body, orelse=other):
                return [*self.values(body), *self.values(other)]
            case ast.Tuple(elts=items) | ast.BoolOp(values=items):
                return list(chain.from_iterable(map(self.values, items)))
            case ast.Call(func=func):
                return [self._result(value, node) for value in self.values(func)]
        return [UNKNOWN]

    def value(self, node: ast.AST) -> Any:
        """Return the object that an expression is, if it can be only one."""
        values = self.values(node)
        return values[0] if len(values) == 1 else UNKNOWN

    def _values_of_name(self, name: str) -> list[Any]:
        if name not in self._names:
            if self.outer is not None:
                return self.outer._values_of_name(name)
            return [_global(name, self.function)]
        definitions = self._names[name]
        self._names[name] = [UNKNOWN]  # its own value may be part of it
        values: dict[object, Any] = {}
        for value in definitions:
            for each in self.values(value) if isinstance(value, ast.expr) else [value]:
                # Each assignment can bring the same values again.
                values[each if isinstance(each, Instance | Inner) else id(each)] = each
        self._names[name] = list(values.values())
        return self._names[name]

    def _result(self, callee: Any, call: ast.Call) -> Any:
        """Return what a call makes: an object of a class."""
        if callee is super and not call.args:
            first = next(iter(self._names.values()), [UNKNOWN])[0]
            cls = _global("__class__", self.function)
            return _Super(cls, first) if isinstance(cls, type) else UNKNOWN
        if callee is type and len(call.args) == 1:
            value = self.values(call.args[0])[0]
            return value.cls if isinstance(value, Instance) else UNKNOWN
        if not isinstance(callee, type):
            return UNKNOWN
        if not issubclass(callee, HTTPException) or callee.code is not None:
            return Instance(callee)
        statuses = [keyword.value for keyword in call.keywords if keyword.arg == "status"]
        if not statuses:
            return Instance(callee)
        (status, *others) = self.values(statuses[0])
        return Instance(callee, int(status)) if isinstance(status, int) and not others else UNKNOWN


def own_nodes(node: FunctionNode) -> Iterator[ast.AST]:
    """Yield what is in the body of a function, without what is in the functions inside it."""
    rest: list[ast.AST] = body_of(node)[::-1]
    while rest:
        node_ = rest.pop()
        yield node_
        if not isinstance(node_, DEFINITIONS):
            rest += children_of(node_)[::-1]


def children_of(node: ast.AST) -> list[ast.AST]:
    """Return the parts of a statement or an expression, without those that only name or load.

    Many views call the same functions, so each node keeps its list.
    """
    children: list[ast.AST] | None = vars(node).get("_children")
    if children is None:
        children = [each for each in ast.iter_child_nodes(node) if not _is_idle(each)]
        vars(node)["_children"] = children
    return children


def _is_idle(node: ast.AST) -> bool:
    is_loaded = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    return is_loaded or isinstance(node, _IDLE)


def body_of(node: FunctionNode) -> list[Any]:
    """Return the statements of a function, or the expression of a lambda."""
    return [node.body] if isinstance(node, ast.Lambda) else list(node.body)


def _imports(
    node: ast.Import | ast.ImportFrom, names: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    """Yield what an import in a function defines, if the module is imported already."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            name = alias.name if alias.asname else alias.name.partition(".")[0]
            yield alias.asname or name, sys.modules.get(name, UNKNOWN)
        return
    package = str(names.get("__package__") or "").split(".")
    parents = package[: len(package) - node.level + 1] if node.level else []
    name = ".".join([*parents, *([node.module] if node.module else [])])
    for alias in node.names:
        value = attribute_of(sys.modules.get(name, UNKNOWN), alias.name)
        if value is UNKNOWN:
            value = sys.modules.get(f"{name}.{alias.name}", UNKNOWN)
        yield alias.asname or alias.name, value


def _global(name: str, function: FunctionType) -> Any:
    """Return what a name stands for outside its function."""
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    if name in cells:
        try:
            return _unless_proxy(cells[name].cell_contents)
        except ValueError:  # it has no value yet
            return UNKNOWN
    return _unless_proxy(function.__globals__.get(name, vars(builtins).get(name, UNKNOWN)))


def _unless_proxy(value: Any) -> Any:
    """Return an object, unless it pretends to be another one, as a ``LocalProxy`` does."""
    return UNKNOWN if any("__class__" in vars(cls) for cls in type(value).__mro__[:-1]) else value


def attribute_of(value: Any, name: str) -> Any:
    """Return an attribute, as far as no code of its owner is needed to find it."""
    if value is UNKNOWN:
        return UNKNOWN
    if isinstance(value, Enum):
        return value._value_ if name == "value" else UNKNOWN
    if isinstance(value, type) and issubclass(value, Enum):
        return value._member_map_.get(name, UNKNOWN)
    if isinstance(value, _Super):
        attribute, receiver = _inherited(value, name), value.receiver
    else:
        owner = value.cls if isinstance(value, Instance) else value
        attribute, receiver = _unless_proxy(getattr_static(owner, name, UNKNOWN)), value
    if isinstance(attribute, staticmethod):
        return attribute.__func__
    if isinstance(attribute, classmethod):
        return _method(attribute.__func__, getattr(receiver, "cls", receiver))
    is_method = isinstance(value, Instance | _Super) or (
        not isinstance(value, type | ModuleType)
        and getattr_static(type(value), name, None) is attribute
    )
    return _method(attribute, receiver) if is_method else attribute


def _method(function: Any, receiver: Any) -> Any:
    if not isinstance(function, FunctionType):
        return function
    is_known = receiver is UNKNOWN or isinstance(receiver, type | Instance)
    return Method(function, receiver if is_known else Instance(type(receiver)))


def _inherited(value: _Super, name: str) -> Any:
    receiver = value.receiver
    cls = receiver.cls if isinstance(receiver, Instance) else receiver
    bases = cls.__mro__ if isinstance(cls, type) and issubclass(cls, value.cls) else ()
    after = list(bases)[list(bases).index(value.cls) + 1 :] if bases else value.cls.__mro__[1:]
    return next((vars(base)[name] for base in after if name in vars(base)), UNKNOWN)


def callable_of(value: Any) -> PythonFunction | None:
    """Return the function that runs when an object is called, if it is written in Python."""
    if value is UNKNOWN or value is None:
        return None
    if isinstance(value, FunctionType | Method):
        return value
    if isinstance(value, MethodType):
        method = _method(value.__func__, value.__self__)
        return method if isinstance(method, Method) else None
    if isinstance(value, partial):
        return callable_of(value.func)
    if isinstance(value, type):
        return _of_class(value, "__init__")
    wrapped = getattr_static(value, "__wrapped__", None)  # such as a function with a cache
    return wrapped if isinstance(wrapped, FunctionType) else _of_class(type(value), "__call__")


def _of_class(cls: type, name: str) -> Method | None:
    function = getattr_static(cls, name, None)
    return Method(function, Instance(cls)) if isinstance(function, FunctionType) else None
