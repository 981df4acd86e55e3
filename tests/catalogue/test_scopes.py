"""What names in a function stand for."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from enum import Enum
from functools import lru_cache, partial
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

import pytest
from flask import current_app
from werkzeug.exceptions import Conflict, HTTPException, NotFound

from flask_apierrors import ApiError
from flask_apierrors._catalogue.scopes import (
    UNKNOWN,
    Instance,
    Method,
    Scope,
    attribute_of,
    callable_of,
)

_PRINT: Any = partial(print)


class Base:
    name = "base"

    def method(self) -> None: ...


class Derived(Base):
    def method(self) -> None: ...

    @classmethod
    def make(cls) -> None: ...

    @staticmethod
    def free() -> None: ...

    odd: Any = classmethod(_PRINT)


class Color(Enum):
    RED = 404


_OBJECT = SimpleNamespace(limit=5)


def method(function: Any, receiver: Any) -> Method:
    return Method(function, receiver)


def values_in(function: Callable[..., Any], **arguments: Any) -> list[Any]:
    """The values of the expression that a function returns."""
    (node,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    assert isinstance(node, ast.FunctionDef)
    (statement,) = (part for part in ast.walk(node) if isinstance(part, ast.Return))
    assert statement.value is not None
    return Scope(function, node, arguments).values(statement.value)  # type: ignore[arg-type]


def test_values_are_known() -> None:
    def constant() -> Any:
        return 404

    def member() -> Any:
        return HTTPStatus.NOT_FOUND

    def number() -> Any:
        return Color.RED.value

    def attribute() -> Any:
        return _OBJECT.limit

    def chosen(flag: bool) -> Any:
        return 404 if flag else 410

    def assigned() -> Any:
        status: int = 404
        if other := 410:
            status = other
        return status

    def instance() -> Any:
        return NotFound("text")

    def with_status() -> Any:
        return ApiError("text", status=404)

    def class_of_object() -> Any:
        return type(Base())

    def builtin() -> Any:
        return int

    expected: dict[Any, Any] = {
        constant: [404],
        member: [HTTPStatus.NOT_FOUND],
        number: [404],
        attribute: [5],
        chosen: [404, 410],
        assigned: [404, 410],
        instance: [Instance(NotFound)],
        with_status: [Instance(ApiError, 404)],
        class_of_object: [Base],
        builtin: [int],
    }
    assert {function: values_in(function) for function in expected} == expected


def test_an_argument_is_what_was_bound_to_it() -> None:
    def status(code: int) -> Any:
        return code

    assert values_in(status) == [UNKNOWN]
    assert values_in(status, code=404) == [404]


def test_other_values_are_unknown() -> None:
    def computed() -> Any:
        return 400 + 4

    def result() -> Any:
        return len("text")

    def looped() -> Any:
        for code in (404, 410):
            return code

    def caught() -> Any:
        try:
            raise NotFound
        except NotFound as error:
            return error

    def endless() -> Any:
        first: Any = None
        for _ in "x":
            second: Any = first
            first = second
        return first

    def missing() -> Any:
        return not_there  # type: ignore[name-defined]  # noqa: F821

    def local_class() -> Any:
        class Own: ...

        return Own

    def proxy() -> Any:
        return current_app

    def attribute_of_member() -> Any:
        return Color.RED.name

    def several_statuses(flag: bool) -> Any:
        return ApiError("text", status=404 if flag else 410)

    def class_of_unknown(value: Any) -> Any:
        return type(value)

    def no_cell() -> Any:
        return later

    functions = (
        computed,
        result,
        looped,
        caught,
        missing,
        local_class,
        proxy,
        attribute_of_member,
        several_statuses,
        class_of_unknown,
        no_cell,
    )
    assert [values_in(function) for function in functions] == [[UNKNOWN]] * len(functions)
    assert set(values_in(endless)) == {None, UNKNOWN}
    later = 1


def test_an_exception_without_a_status_is_an_instance_of_its_class() -> None:
    def bare() -> Any:
        return HTTPException("text")

    assert values_in(bare) == [Instance(HTTPException)]


def test_an_import_in_a_function_is_found_if_the_module_is_there() -> None:
    def imported() -> Any:
        import werkzeug.exceptions

        return werkzeug.exceptions.NotFound

    def renamed() -> Any:
        import werkzeug.exceptions as errors

        return errors.NotFound

    def name() -> Any:
        from werkzeug.exceptions import NotFound as Missing

        return Missing

    def relative() -> Any:
        from ..conftest import Clock

        return Clock

    def of_package() -> Any:
        from .. import conftest

        return conftest.Clock

    def never_imported() -> Any:
        from not_there import NotFound  # type: ignore[import-not-found]

        return NotFound

    from ..conftest import Clock

    assert values_in(imported) == values_in(renamed) == values_in(name) == [NotFound]
    assert values_in(relative) == values_in(of_package) == [Clock]
    assert values_in(never_imported) == [UNKNOWN]


def test_super_is_what_comes_after_the_class() -> None:
    class Top:
        def method(self) -> None: ...

    class Middle(Top):
        def method(self) -> Any:
            return super().method

        def other(self) -> Any:
            return super().nothing  # type: ignore[misc]

    class Side(Top):
        def method(self) -> None: ...

    class Bottom(Middle, Side): ...

    bottom = Instance(Bottom)
    assert values_in(Middle.method, self=bottom) == [method(Side.method, bottom)]
    assert values_in(Middle.method) == [method(Top.method, UNKNOWN)]
    assert values_in(Middle.other, self=bottom) == [UNKNOWN]


@pytest.mark.parametrize(
    ("value", "name", "attribute"),
    [
        (Instance(Derived), "method", method(Derived.method, Instance(Derived))),
        (Derived(), "method", method(Derived.method, Instance(Derived))),
        (Derived, "method", Derived.method),
        (Derived, "make", method(vars(Derived)["make"].__func__, Derived)),
        (Instance(Derived), "make", method(vars(Derived)["make"].__func__, Derived)),
        (Derived, "free", Derived.free),
        (Derived, "name", "base"),
        (Derived, "nothing", UNKNOWN),
        (UNKNOWN, "nothing", UNKNOWN),
        (HTTPStatus, "NO_STATUS", UNKNOWN),
    ],
)
def test_attributes_are_found_without_their_owner(value: Any, name: str, attribute: Any) -> None:
    assert attribute_of(value, name) == attribute


def test_a_function_that_an_object_keeps_is_no_method() -> None:
    assert attribute_of(SimpleNamespace(check=values_in), "check") is values_in


def test_a_class_method_that_is_no_function_stays_as_it_is() -> None:
    assert attribute_of(Derived, "odd") is _PRINT


def test_what_runs_when_an_object_is_called() -> None:
    class Callable_:
        def __call__(self) -> None: ...

    def function() -> None: ...

    derived = Derived()
    assert callable_of(function) is function
    assert callable_of(derived.method) == method(Derived.method, Instance(Derived))
    assert callable_of(Derived.make) == method(vars(Derived)["make"].__func__, Derived)
    assert callable_of(lru_cache(function)) is function
    assert callable_of(Callable_()) == method(Callable_.__call__, Instance(Callable_))
    assert callable_of(derived) is callable_of(len) is callable_of(Conflict.code) is None
