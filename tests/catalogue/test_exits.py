"""The exceptions that a view raises, read from its source."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

import flask
import flask_restful
import flask_restx
import jsonschema
import marshmallow
import pydantic
import pytest
import werkzeug.exceptions
from flask import Flask, abort, current_app
from flask import abort as stop
from flask.views import MethodView, View
from flask_httpauth import HTTPBasicAuth  # type: ignore[import-untyped]
from werkzeug.exceptions import (
    BadGateway,
    Conflict,
    Forbidden,
    Gone,
    HTTPException,
    NotFound,
    Unauthorized,
)

from flask_apierrors import ApiError, rate_limit, requires_auth
from flask_apierrors._catalogue.exits import Exit, ExitReader

_MISSING = 404
_ERRORS = (KeyError, NotFound)


class VesselNotFound(ApiError, NotFound):
    """No vessel has this number."""


class OutOfReach(Exception):
    @classmethod
    def after(cls, seconds: int) -> None:
        raise cls(seconds)


def errors_of(
    view: Callable[..., Any], method: str = "GET", *hooks: Callable[..., Any]
) -> set[Any]:
    """The names of the classes that leave a view. ``None`` is unknown."""
    exits = ExitReader({}).exits_of(view, method, "vessels.find", hooks)
    return {each.error and each.error.__name__ for each in exits}


def fail(status: int = 409, *, error: Any = None) -> None:
    if error is not None:
        raise error("This is an error.")
    abort(status)


def deep(levels: int) -> None:
    deep(levels - 1)
    raise Gone


class Base:
    def check(self) -> None:
        abort(410)

    @staticmethod
    def never() -> None:
        abort(405)

    @classmethod
    def refuse(cls) -> None:
        raise Forbidden


class Service(Base):
    def __init__(self, name: str | None = None) -> None:
        if not name:
            abort(422)

    def check(self) -> None:
        super().check()
        self.extra()

    def extra(self) -> None:
        raise Conflict

    def __call__(self) -> None:
        abort(503)


_SERVICE = Service("x")


# -- raise and abort


def raised() -> Iterator[tuple[Callable[..., Any], set[Any]]]:
    def literal() -> Any:
        abort(404)

    def renamed() -> Any:
        stop(404, "text")

    def of_module() -> Any:
        flask.abort(404)
        werkzeug.exceptions.abort(404)

    def constant() -> Any:
        abort(_MISSING)

    def enumerated() -> Any:
        abort(HTTPStatus.NOT_FOUND)

    def number_of_member() -> Any:
        abort(HTTPStatus.NOT_FOUND.value)

    def keyword() -> Any:
        abort(code=404)

    def either(flag: bool = True) -> Any:
        abort(404 if flag else 410)

    def by_class() -> Any:
        raise NotFound

    def by_object() -> Any:
        raise NotFound("text") from None

    def of_attribute() -> Any:
        raise werkzeug.exceptions.NotFound

    def by_name() -> Any:
        error = VesselNotFound("text")
        error.headers = {"X-Vessel": "1"}
        raise error

    def with_status() -> Any:
        raise ApiError("text", status=404)

    def imported_here() -> Any:
        from werkzeug.exceptions import NotFound as Missing

        raise Missing

    def module_imported_here() -> Any:
        import werkzeug.exceptions as errors

        raise errors.NotFound

    def in_a_loop() -> Any:
        while True:
            with open("x") as file:
                if file:
                    abort(404)

    def by_query(query: Any = None) -> Any:
        return query.first_or_404()

    async def asynchronous() -> Any:
        abort(404)

    views = (
        literal,
        renamed,
        of_module,
        constant,
        enumerated,
        number_of_member,
        keyword,
        by_class,
        by_object,
        of_attribute,
        imported_here,
        module_imported_here,
        in_a_loop,
        by_query,
        asynchronous,
    )
    yield from ((view, {"NotFound"}) for view in views)
    yield either, {"NotFound", "Gone"}
    yield by_name, {"VesselNotFound"}
    yield with_status, {"ApiError"}
    yield lambda: abort(404), {"NotFound"}


@pytest.mark.parametrize(
    ("view", "errors"), list(raised()), ids=lambda value: getattr(value, "__name__", "")
)
def test_what_a_view_raises_is_read(view: Callable[..., Any], errors: set[Any]) -> None:
    assert errors_of(view) == errors


def test_the_file_and_the_line_are_known() -> None:
    def view() -> Any:
        Base.refuse()

    ((error, place, status),) = ExitReader({}).exits_of(view, "GET")
    line = Base.refuse.__code__.co_firstlineno + 2
    assert (error, status) == (Forbidden, None)
    assert place.endswith(f"test_exits.py:{line}")


def test_a_status_without_a_class_is_kept() -> None:
    def view() -> Any:
        raise ApiError("text", status=499)

    ((error, _, status),) = ExitReader({}).exits_of(view, "GET")
    assert (error, status) == (ApiError, 499)


# -- what is not known


def test_what_the_source_does_not_say_is_unknown() -> None:
    class Custom(HTTPException):
        def __init__(self) -> None:
            super().__init__()
            self.code = 402

    def variable(code: int) -> Any:
        abort(code)

    def computed() -> Any:
        raise make_error()  # type: ignore[name-defined]  # noqa: F821

    def of_argument(error: Exception) -> Any:
        raise error

    def unpacked() -> Any:
        error, _ = NotFound(), 1
        raise error

    def without_class() -> Any:
        raise Custom

    def status_of_argument(status: int) -> Any:
        raise ApiError("text", status=status)

    views = (variable, computed, of_argument, unpacked, without_class, status_of_argument)
    assert [errors_of(view) for view in views] == [{None}] * len(views)


def test_a_view_without_source_is_unknown_itself() -> None:
    names: dict[str, Any] = {"abort": abort, "__name__": "elsewhere"}
    exec("def view(): abort(404)", names)
    ((error, place, _),) = ExitReader({}).exits_of(names["view"], "GET")
    assert error is None
    assert place.endswith("<string>:1")
    assert errors_of(dict) == {None}


def test_a_file_that_is_no_python_is_unknown(tmp_path: Path) -> None:
    file = tmp_path / "view.py"
    file.write_text("def view(): pass\n")
    names: dict[str, Any] = {"__name__": "elsewhere"}
    exec(compile(file.read_text(), str(file), "exec"), names)
    file.write_text("def view( pass\n")
    assert errors_of(names["view"]) == {None}


def test_an_abort_of_no_error_and_the_abort_of_something_else_are_left_out() -> None:
    def redirect() -> Any:
        abort(302)

    def no_status() -> Any:
        abort(499)  # a LookupError: Werkzeug has no class for it

    def nothing() -> Any:
        flask_restx.abort()

    def transaction(session: Any) -> Any:
        session.abort()
        session.abort(session.id)

    def not_called(job: Any) -> Any:
        job(lambda: abort(404))

        def later() -> None:
            abort(410)

    views = (redirect, no_status, nothing, transaction, not_called)
    assert [errors_of(view) for view in views] == [set()] * len(views)


def test_an_abort_of_a_framework_is_known_by_its_name() -> None:
    def of_framework() -> Any:
        flask_restx.abort(404, "text")

    def of_object(api: Any) -> Any:
        api.abort(404)

    assert errors_of(of_framework) == errors_of(of_object) == {"NotFound"}


def test_an_aborter_is_known() -> None:
    aborter = werkzeug.exceptions.Aborter()

    def view() -> Any:
        aborter(404)

    assert errors_of(view) == {"NotFound"}


# -- calls


def test_functions_of_the_same_project_are_followed() -> None:
    def helper() -> None:
        raise Conflict

    def closure() -> Any:
        helper()

    def with_default() -> Any:
        fail()

    def with_argument() -> Any:
        fail(404)

    def with_class() -> Any:
        fail(error=Gone)

    def unpacked(*arguments: Any) -> Any:
        fail(*arguments)

    def defined_inside() -> Any:
        def check(flag: bool) -> None:
            if flag:
                abort(404)
            return check(not flag)

        return check(True)

    def bound() -> Any:
        _SERVICE.check()

    def of_object() -> Any:
        service = Service()
        service.extra()

    def of_classes() -> Any:
        Base.refuse()
        Base.never()
        Base.check(_SERVICE)

    def called() -> Any:
        _SERVICE()

    def partial() -> Any:
        functools.partial(fail, 404)
        return refuse()

    refuse = functools.partial(fail)
    expected = {
        closure: {"Conflict"},
        with_default: {"Conflict"},
        with_argument: {"NotFound"},
        with_class: {"Gone"},
        unpacked: {None},
        defined_inside: {"NotFound"},
        bound: {"Gone", "Conflict"},
        of_object: {"UnprocessableEntity", "Conflict"},
        of_classes: {"Forbidden", "MethodNotAllowed", "Gone"},
        called: {"ServiceUnavailable"},
        partial: {None},
    }
    assert {view: errors_of(view) for view in expected} == expected


def test_a_class_method_knows_its_class() -> None:
    def view() -> Any:
        OutOfReach.after(5)

    assert errors_of(view) == {"OutOfReach"}


def test_functions_that_call_themselves_end() -> None:
    def view() -> Any:
        deep(3)

    assert errors_of(view) == {"Gone"}


def test_a_source_that_is_nested_too_deep_is_unknown(tmp_path: Path) -> None:
    file = tmp_path / "view.py"
    file.write_text(f"def view(a):\n    return {'+'.join('a' * 1500)}\n")
    names: dict[str, Any] = {"__name__": "elsewhere"}
    exec(compile(file.read_text(), str(file), "exec"), names)
    assert errors_of(names["view"]) == {None}


def test_functions_of_other_projects_are_not_followed() -> None:
    def view() -> Any:
        current_app.make_response("x")
        flask.send_file("x")

    assert errors_of(view) == set()


# -- try


def test_what_a_try_catches_does_not_leave() -> None:
    def caught() -> Any:
        try:
            abort(404)
        except NotFound:
            return {}

    def by_base() -> Any:
        try:
            raise VesselNotFound
        except (KeyError, HTTPException):
            return {}

    def by_constant() -> Any:
        try:
            abort(404)
        except _ERRORS:
            return {}

    def by_all() -> Any:
        try:
            abort(404)
        except:  # noqa: E722
            return {}

    def with_the_class_of_the_status() -> Any:
        try:
            raise ApiError("text", status=404)
        except NotFound:
            return {}

    def suppressed() -> Any:
        with suppress(NotFound), open("x"):
            abort(404)

    def unknown(code: int) -> Any:
        try:
            abort(code)
        except Exception:
            return {}

    views = (caught, by_base, by_constant, by_all, with_the_class_of_the_status, suppressed)
    assert [errors_of(view) for view in (*views, unknown)] == [set()] * 7


def test_what_a_try_does_not_catch_leaves() -> None:
    def another() -> Any:
        try:
            abort(404)
        except Conflict:
            return {}

    def narrower() -> Any:
        try:
            abort(404)
        except VesselNotFound:
            return {}

    def in_the_rest() -> Any:
        try:
            return {}
        except NotFound:
            return {}
        else:
            abort(404)

    def at_the_end() -> Any:
        try:
            return {}
        finally:
            abort(404)

    def in_the_handler() -> Any:
        try:
            return int("x")
        except ValueError:
            abort(404)

    def again() -> Any:
        try:
            abort(404)
        except HTTPException:
            raise

    def again_by_name() -> Any:
        try:
            abort(404)
        except HTTPException as error:
            raise error

    def of_unknown_class(error: Any) -> Any:
        try:
            abort(404)
        except error:
            return {}

    views = (
        another,
        narrower,
        in_the_rest,
        at_the_end,
        in_the_handler,
        again,
        again_by_name,
        of_unknown_class,
    )
    assert [errors_of(view) for view in views] == [{"NotFound"}] * len(views)


def test_an_error_that_replaces_another_is_the_one_that_leaves() -> None:
    def view() -> Any:
        try:
            abort(404)
        except NotFound as error:
            raise BadGateway("text") from error

    assert errors_of(view) == {"BadGateway"}


# -- decorators and classes


def only_for_owners(view: Any) -> Any:
    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if not args:
            abort(403)
        return view(*args, **kwargs)

    return guarded


def hidden(view: Any) -> Any:
    @functools.wraps(view)
    def hiding(*args: Any, **kwargs: Any) -> Any:
        try:
            return view(*args, **kwargs)
        except Forbidden:
            abort(404)

    return hiding


def synchronous(view: Any) -> Any:
    @functools.wraps(view)
    def running(*args: Any, **kwargs: Any) -> Any:
        return current_app.ensure_sync(view)(*args, **kwargs)

    return running


def test_decorators_of_the_project_are_read() -> None:
    def view() -> Any:
        abort(410)

    assert errors_of(only_for_owners(view)) == {"Forbidden", "Gone"}
    assert errors_of(synchronous(only_for_owners(view))) == {"Forbidden", "Gone"}


def test_a_decorator_can_catch_what_the_view_raises() -> None:
    def view() -> Any:
        abort(403)

    assert errors_of(hidden(view)) == {"NotFound"}


def test_decorators_of_others_are_looked_through() -> None:
    def view() -> Any:
        abort(410)

    assert errors_of(rate_limit("1/second")(view)) == {"Gone"}
    assert errors_of(only_for_owners(requires_auth(only_for_owners(view)))) == {"Forbidden", "Gone"}
    assert errors_of(hidden(requires_auth(only_for_owners(view)))) == {"NotFound", "Gone"}


def test_a_decorated_method_knows_its_object() -> None:
    class Vessels(MethodView):
        @requires_auth
        @only_for_owners
        def get(self) -> Any:
            self.find()

        def find(self) -> None:
            abort(410)

    assert errors_of(Vessels.as_view("vessels")) == {"Forbidden", "Gone"}


def test_decorators_are_no_calls() -> None:
    def view() -> Any:
        abort(410)

    decorated: Any = view
    for _ in range(20):
        decorated = only_for_owners(decorated)
    assert errors_of(decorated) == {"Forbidden", "Gone"}


def test_calls_are_followed_to_a_depth() -> None:
    def calling(inner: Any) -> Any:
        def calls() -> Any:
            return inner()

        return calls

    functions: list[Any] = [Base.refuse]
    for _ in range(12):
        functions.append(calling(functions[-1]))
    assert errors_of(functions[6]) == {"Forbidden"}
    assert errors_of(functions[12]) == set()


def test_a_file_without_lambdas_is_read(tmp_path: Path) -> None:
    file = tmp_path / "view.py"
    file.write_text("if abort:\n    def view(): abort(410)\n")
    names: dict[str, Any] = {"__name__": "elsewhere", "abort": abort}
    exec(compile(file.read_text(), str(file), "exec"), names)
    assert errors_of(names["view"]) == {"Gone"}


def test_a_decorator_around_itself_ends() -> None:
    def view() -> Any:
        abort(410)

    view.__wrapped__ = view  # type: ignore[attr-defined]
    assert errors_of(view) == {"Gone"}


def test_the_methods_of_a_class_are_told_apart() -> None:
    class Vessel(MethodView):
        decorators = [only_for_owners]  # noqa: RUF012

        def get(self) -> Any:
            self.find()

        def post(self) -> Any:
            raise Conflict

        def find(self) -> None:
            abort(404)

    view = Vessel.as_view("vessel")
    assert errors_of(view) == errors_of(view, "HEAD") == {"Forbidden", "NotFound"}
    assert errors_of(view, "POST") == {"Forbidden", "Conflict"}


def test_decorators_that_a_framework_puts_on_methods_are_read() -> None:
    class Vessel(flask_restful.Resource):  # type: ignore[misc]
        method_decorators = (only_for_owners, requires_auth, len)

        def get(self) -> Any:
            abort(410)

    assert errors_of(Vessel.as_view("vessel")) == {"Forbidden", "Gone"}


def test_a_class_that_dispatches_itself_is_read() -> None:
    class Vessels(View):
        def dispatch_request(self) -> Any:
            abort(404)

    class Guarded(MethodView):
        def dispatch_request(self, **kwargs: Any) -> Any:
            abort(401)

        def get(self) -> Any:
            abort(404)

    assert errors_of(Vessels.as_view("vessels")) == {"NotFound"}
    assert errors_of(Guarded.as_view("guarded")) == {"Unauthorized", "NotFound"}


def test_what_runs_before_a_view_is_read() -> None:
    def only_inside() -> None:
        raise Unauthorized

    def view() -> Any:
        return {}

    library = Flask("library").make_default_options_response
    assert errors_of(view, "GET", only_inside, library) == {"Unauthorized"}


def test_a_branch_for_other_requests_is_left_out() -> None:
    def by_method() -> Any:
        if flask.request.method == "POST":
            abort(409)
        else:
            abort(410)

    def by_endpoint() -> Any:
        if flask.request.endpoint in {"login", "vessels.find"}:
            return
        abort(401)

    def never() -> Any:
        if flask.request.blueprint != "vessels":
            abort(404)

    assert errors_of(by_method) == {"Gone"}
    assert errors_of(by_method, "POST") == {"Conflict"}
    assert errors_of(only_for_owners(by_method), "POST") == {"Forbidden", "Conflict"}
    assert errors_of(lambda: None, "GET", by_endpoint, never) == set()


def test_a_branch_for_other_arguments_is_left_out() -> None:
    def find(number: int, *, prefix: str = "v", is_strict: bool = True, owner: Any = None) -> None:
        if "_" in prefix:
            abort(400)
        if owner is not None and owner != "me":
            abort(403)
        if not is_strict:
            return
        abort(404)

    def by_default() -> Any:
        find(1)

    def lenient() -> Any:
        find(1, is_strict=False)

    def with_text() -> Any:
        find(1, prefix="v", owner=flask.request.args["owner"])

    def unpacked(**arguments: Any) -> Any:
        find(1, **arguments)

    def bound_before() -> Any:
        lenient_find(1)

    def assigned_again(is_strict: bool = True) -> None:
        is_strict = is_strict and flask.request.is_secure
        if not is_strict:
            abort(410)

    def assigned() -> Any:
        assigned_again()

    lenient_find = functools.partial(find, is_strict=False)
    expected = {
        by_default: {"NotFound"},
        lenient: set(),
        with_text: {"Forbidden", "NotFound"},
        unpacked: {"BadRequest", "Forbidden", "NotFound"},
        bound_before: {"BadRequest", "Forbidden", "NotFound"},
        assigned: {"Gone"},
    }
    assert {view: errors_of(view) for view in expected} == expected


def test_a_branch_for_other_arguments_is_left_out_behind_a_decorator() -> None:
    def lenient(view: Any) -> Any:
        @functools.wraps(view)
        def changing(*args: Any, **kwargs: Any) -> Any:
            return view(is_strict=False)

        return changing

    def find(is_strict: bool = True) -> None:
        if is_strict:
            abort(404)
        abort(410)

    guarded_find, lenient_find = only_for_owners(find), lenient(find)

    def for_owners() -> Any:
        guarded_find(False)

    def by_default() -> Any:
        guarded_find()

    def changed() -> Any:
        lenient_find(True)

    expected = {
        for_owners: {"Forbidden", "Gone"},
        by_default: {"Forbidden", "NotFound", "Gone"},
        changed: {"Gone"},
    }
    assert {view: errors_of(view) for view in expected} == expected


# -- nothing runs


def test_nothing_of_the_author_runs() -> None:
    calls = []

    class Lazy:
        @property
        def service(self) -> Any:
            calls.append("property")
            return self

        def __getattr__(self, name: str) -> Any:
            calls.append(name)
            return self

        def __eq__(self, other: object) -> bool:
            calls.append("==")
            return True

        __hash__ = object.__hash__

    lazy = Lazy()

    def view() -> Any:
        lazy.service.find(1)
        with lazy.other(1):
            current_app.extensions.find(lazy)  # type: ignore[attr-defined]
        fail(error=lazy)

    assert errors_of(view) == {"Conflict", None}
    assert calls == []


def test_a_result_is_kept() -> None:
    def view() -> Any:
        abort(404)

    results: dict[Any, Any] = {}
    first = ExitReader(results).exits_of(view, "GET")
    assert results
    assert ExitReader(results).exits_of(view, "GET") == first == (Exit(NotFound, first[0].place),)


AUTH = HTTPBasicAuth()


class GuardedBase(MethodView):
    @AUTH.login_required  # type: ignore[untyped-decorator]
    def post(self) -> Any:
        return ""

    @AUTH.login_required(optional=True)  # type: ignore[untyped-decorator]
    def put(self) -> Any:
        return ""


class Derived(GuardedBase):
    def post(self) -> Any:
        return super().post()

    def put(self) -> Any:
        return super().put()


def test_a_guard_on_the_method_that_super_finds_says_401() -> None:
    view = Derived.as_view("derived")
    assert errors_of(view, "POST") == {"Unauthorized"}
    assert errors_of(view, "PUT") == set()


# -- what validators raise


class VesselSchema(marshmallow.Schema):
    name = marshmallow.fields.String()


class Vessel(pydantic.BaseModel):
    name: str


SCHEMA = VesselSchema()
ADAPTER = pydantic.TypeAdapter(int)


@pytest.mark.parametrize(
    "view",
    [
        lambda: VesselSchema().load({}),
        lambda: SCHEMA.loads("{}"),
        lambda: Vessel.model_validate({}),
        lambda: Vessel.model_validate_json("{}"),
        lambda: ADAPTER.validate_python("1"),
        lambda: jsonschema.validate({}, {}),
    ],
)
def test_a_call_that_validates_raises_for_invalid_data(view: Callable[..., Any]) -> None:
    assert errors_of(view) == {"ValidationError"}


def test_what_validates_without_an_exception_raises_none() -> None:
    assert errors_of(lambda: SCHEMA.validate({})) == set()
    assert errors_of(lambda: SCHEMA.dump({})) == set()


def test_a_failed_validation_that_is_caught_does_not_leave() -> None:
    def view() -> None:
        with suppress(marshmallow.ValidationError):
            SCHEMA.load({})

    assert errors_of(view) == set()
