from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from functools import wraps
from inspect import iscoroutinefunction
from itertools import permutations
from typing import Any, NamedTuple

import marshmallow as ma
import pytest
from flask import Blueprint, Flask, Request, abort, jsonify, request
from flask.views import MethodView, View
from hypothesis import example, given
from hypothesis import strategies as st
from werkzeug.exceptions import Unauthorized

from flask_apierrors import (
    ApiError,
    ApiErrors,
    catalogue,
    produces,
    raises,
    rate_limit,
    requires_auth,
    requires_json,
    requires_permissions,
)
from flask_apierrors._cli.doctor import diagnose
from flask_apierrors._core.marks import Mark, marks_of
from flask_apierrors._core.state import RequestState
from flask_apierrors._guards.guard import Check, Order, guard, marks_above


def recorder(order: Order, runs: list[str], status: int | None = None) -> Callable[[Any], Any]:
    """Make a guard that records when it runs and, if it has a status, refuses with it."""

    def run(req: Request, state: RequestState) -> None:
        runs.append(order.name)
        if status is not None:
            abort(status)

    return lambda view: guard(view, Mark(order.name), Check(order, run))


def call(app: Flask, view: Callable[..., Any], path: str = "/x", **options: Any) -> Any:
    app.add_url_rule(path, view_func=view, endpoint=path, methods=["GET", "POST"])
    return app.test_client().open(path, **options)


def test_checks_run_in_a_fixed_order_whatever_the_order_of_the_decorators(
    make_app: Callable[..., Flask],
) -> None:
    for index, orders in enumerate(permutations(Order, 3)):
        runs: list[str] = []

        def view(runs: list[str] = runs) -> str:
            runs.append("view")
            return "ok"

        guarded: Any = view
        for order in orders:
            guarded = recorder(order, runs)(guarded)
        assert call(make_app(), guarded, f"/{index}").status_code == 200
        assert runs == [order.name for order in sorted(orders)] + ["view"]


def test_checks_of_the_same_order_run_by_rank_and_then_from_the_innermost(
    make_app: Callable[..., Flask],
) -> None:
    runs: list[str] = []

    def view() -> str:
        return "ok"

    guarded: Any = view
    for name, rank in (("inner", 2), ("outer", 2), ("first", 1)):

        def run(req: Request, state: RequestState, name: str = name) -> None:
            runs.append(name)

        guarded = guard(guarded, Mark(name), Check(Order.JSON, run, rank))
    call(make_app(), guarded)
    assert runs == ["first", "inner", "outer"]


@pytest.mark.standard("most-urgent")
def test_the_guards_of_the_package_refuse_in_the_order_of_the_contract(
    make_app: Callable[..., Flask],
) -> None:
    errors = ApiErrors()
    errors.verify_token(lambda token: {"permissions": ["write"] if token == "writer" else []})
    app = make_app(errors)
    decorators: tuple[Any, ...] = (
        requires_permissions("write"),
        requires_json,
        produces("text/csv"),
        recorder(Order.RATE_LIMIT, []),
    )
    limited = recorder(Order.RATE_LIMIT, [], 429)
    bad = {"Accept": "image/png", "Content-Type": "text/plain"}
    steps: list[tuple[dict[str, str], bytes, int]] = [
        (bad, b"{", 401),
        (bad | {"Authorization": "Bearer reader"}, b"{", 403),
        (bad | {"Authorization": "Bearer writer"}, b"{", 415),
        (bad | {"Authorization": "Bearer writer", "Content-Type": "application/json"}, b"{", 400),
        (bad | {"Authorization": "Bearer writer", "Content-Type": "application/json"}, b"{}", 406),
        ({"Authorization": "Bearer writer", "Content-Type": "application/json"}, b"{}", 200),
    ]
    for index, order in enumerate(permutations(decorators)):

        def view() -> str:
            return "ok"

        guarded: Any = view
        for decorator in order:
            guarded = decorator(guarded)
        app.add_url_rule(f"/{index}", view_func=guarded, endpoint=f"open{index}", methods=["POST"])
        app.add_url_rule(
            f"/limited{index}",
            view_func=limited(guarded),
            endpoint=f"limited{index}",
            methods=["POST"],
        )
    client = app.test_client()
    for index in range(24):
        assert client.post(f"/limited{index}", data=b"{", headers=bad).status_code == 429
        assert [
            client.post(f"/{index}", data=body, headers=headers).status_code
            for headers, body, _ in steps
        ] == [status for _, _, status in steps]


def test_all_guards_of_a_view_share_one_wrapper() -> None:
    def view() -> str:
        return "ok"

    guarded: Any = requires_auth(requires_json(produces("text/csv")(view)))
    assert guarded.__wrapped__ is view
    assert [mark.name for mark in marks_of(guarded)] == [
        "produces",
        "requires_json",
        "requires_auth",
    ]
    assert marks_of(view) == ()
    assert (guarded.__name__, guarded.__module__) == ("view", __name__)


def test_a_further_guard_does_not_change_the_view_that_it_guards(
    make_app: Callable[..., Flask],
) -> None:
    def view() -> str:
        return "ok"

    csv = produces("text/csv")(view)
    json_and_csv = produces("application/json")(csv)
    assert call(make_app(), view, headers={"Accept": "image/png"}).status_code == 200
    assert call(make_app(), csv, headers={"Accept": "text/csv"}).status_code == 200
    assert call(make_app(), json_and_csv, headers={"Accept": "text/csv"}).status_code == 406
    assert len(marks_of(csv)) == 1


def test_the_marks_above_a_view_are_those_of_later_guards() -> None:
    def view() -> str:
        return "ok"

    inner = produces("text/csv")(view)
    outer: Any = requires_json(inner)
    assert [mark.name for mark in marks_above(view)] == ["produces", "requires_json"]
    assert [mark.name for mark in marks_above(inner)] == ["requires_json"]
    assert marks_above(outer) == ()
    assert marks_above(len) == ()


def test_a_view_without_a_hash_can_be_guarded(make_app: Callable[..., Flask]) -> None:
    class Unhashable:
        __hash__ = None  # type: ignore[assignment]

        def __call__(self) -> str:
            return "ok"

    view = Unhashable()
    assert call(make_app(), produces("text/csv")(view)).text == "ok"
    assert marks_above(view) == ()


def test_another_decorator_between_guards_keeps_running(make_app: Callable[..., Flask]) -> None:
    runs: list[str] = []

    def foreign(view: Any) -> Any:
        @wraps(view)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            runs.append("foreign")
            return view(*args, **kwargs)

        return wrapper

    @recorder(Order.AUTHENTICATION, runs)
    @foreign
    @recorder(Order.ACCEPT, runs)
    def view() -> str:
        return "ok"

    assert call(make_app(), view).status_code == 200
    assert runs == ["AUTHENTICATION", "foreign", "ACCEPT"]
    assert [mark.name for mark in marks_of(view)] == ["ACCEPT", "AUTHENTICATION"]


def test_a_guarded_view_keeps_its_attributes_and_arguments(make_app: Callable[..., Flask]) -> None:
    def view(number: int) -> dict[str, int]:
        """The text."""
        return {"number": number}

    view.custom = "kept"  # type: ignore[attr-defined]
    guarded: Any = requires_json(raises(KeyError)(produces("application/json")(view)))
    assert guarded.custom == "kept"
    assert guarded.__doc__ == "The text."
    assert guarded.__annotations__ == view.__annotations__
    app = make_app()
    app.add_url_rule("/<int:number>", view_func=guarded)
    assert app.test_client().get("/7").get_json() == {"number": 7}


def test_an_async_view_is_guarded(make_app: Callable[..., Flask]) -> None:
    pytest.importorskip("asgiref")
    runs: list[str] = []

    @recorder(Order.ACCEPT, runs)
    @recorder(Order.JSON, runs)
    async def view() -> str:
        await asyncio.sleep(0)
        return "ok"

    assert call(make_app(), view).text == "ok"
    assert runs == ["JSON", "ACCEPT"]


def test_a_method_view_is_guarded_as_a_whole_and_method_by_method(
    make_app: Callable[..., Flask],
) -> None:
    pytest.importorskip("asgiref")

    class Whole(MethodView):
        decorators = [produces("text/csv")]  # noqa: RUF012

        def get(self) -> str:
            return "whole"

    class Single(MethodView):
        @produces("text/csv")
        def get(self) -> str:
            return "single"

        @requires_json
        async def post(self) -> str:
            return "posted"

    class Plain(View):
        def dispatch_request(self) -> str:
            return "plain"

    app = make_app()
    app.add_url_rule("/whole", view_func=Whole.as_view("whole"))
    app.add_url_rule("/single", view_func=Single.as_view("single"))
    app.add_url_rule("/plain", view_func=produces("text/csv")(Plain.as_view("plain")))
    client = app.test_client()
    for path in ("/whole", "/single", "/plain"):
        assert client.get(path).text == path[1:]
        assert client.get(path, headers={"Accept": "image/png"}).status_code == 406
    assert client.post("/single", json={}).text == "posted"
    assert client.post("/single").status_code == 415


def test_a_view_of_a_nested_blueprint_is_guarded(make_app: Callable[..., Flask]) -> None:
    outer, inner = (
        Blueprint("outer", __name__, url_prefix="/outer"),
        Blueprint("inner", __name__, url_prefix="/inner"),
    )

    @inner.get("/x")
    @produces("text/csv")
    def view() -> str:
        return "ok"

    outer.register_blueprint(inner)
    app = make_app()
    app.register_blueprint(outer)
    assert (
        app.test_client().get("/outer/inner/x", headers={"Accept": "image/png"}).status_code == 406
    )


def test_a_guarded_view_can_be_a_callable_object(make_app: Callable[..., Flask]) -> None:
    class Callable_:
        def __call__(self) -> str:
            return "ok"

    assert call(make_app(), produces("text/csv")(Callable_())).text == "ok"


def test_a_guard_raises_an_exception_which_an_authors_handler_gets(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app()
    app.register_error_handler(406, lambda exc: ("the author's", 406))
    assert (
        call(app, produces("text/csv")(lambda: "ok"), headers={"Accept": "image/png"}).text
        == "the author's"
    )


def test_an_async_check_is_refused() -> None:
    async def run(req: Request, state: RequestState) -> None: ...

    with pytest.raises(TypeError, match="The check of @keyed cannot be `async def`"):
        guard(lambda: "ok", Mark("keyed"), Check(Order.AUTHENTICATION, run))


# -- an author's own guard


class InvalidApiKey(ApiError, Unauthorized):
    """The request has no API key, or an unknown one.

    Send your API key in the header `X-API-Key`.
    """

    def get_headers(self, environ: Any = None, scope: Any = None) -> list[tuple[str, str]]:
        return [*super().get_headers(environ, scope), ("WWW-Authenticate", 'ApiKey realm="api"')]


API_KEY = Mark(
    "requires_api_key",
    errors=(InvalidApiKey,),
    condition="Needs an API key.",
    authenticates=True,
    security={"ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"}},
)


@pytest.fixture
def keyed(make_app: Callable[..., Flask]) -> Flask:
    """Make an app with only an author's own guard."""

    def check(req: Request, state: object) -> None:
        if req.headers.get("X-API-Key") != "k3y":
            raise InvalidApiKey

    app = make_app(APIERRORS_REFERENCE_URL="/errors")
    view = guard(lambda: "ok", API_KEY, Check(Order.AUTHENTICATION, check))
    app.add_url_rule("/x", "x", view, methods=["POST"])
    return app


def test_an_authors_guard_refuses_with_its_own_error_and_challenge(keyed: Flask) -> None:
    assert keyed.test_client().post("/x", headers={"X-API-Key": "k3y"}).text == "ok"
    refusal = keyed.test_client().post("/x", headers={"Authorization": "Bearer t0ken"})
    assert (refusal.status_code, refusal.json) == (401, {"error": "Invalid api key."})
    assert refusal.headers.getlist("WWW-Authenticate") == ['ApiKey realm="api"']


def test_an_authors_guard_is_in_the_catalogue(keyed: Flask) -> None:
    entry = catalogue(keyed).error("invalid-api-key")
    assert (entry.status, entry.action) == (401, "Send your API key in the header `X-API-Key`.")
    assert [(item.rule, item.cause) for item in entry.occurrences] == [("/x", "requires_api_key")]
    assert [(field.name, field.example) for field in entry.headers] == [
        ("WWW-Authenticate", 'ApiKey realm="api"')
    ]
    (operation,) = catalogue(keyed).operations
    assert operation.guards == (API_KEY,)
    assert "unauthorized" not in {error.code for error in operation.errors}


def test_an_authors_guard_is_on_the_reference_page(keyed: Flask) -> None:
    page: Any = keyed.test_client().get("/errors", headers={"Accept": "application/json"}).json
    assert page["endpoints"][0]["conditions"] == ["Needs an API key."]
    assert "/errors/invalid-api-key" in {error["url"] for error in page["errors"]}


def test_an_authors_guard_is_a_security_scheme(keyed: Flask) -> None:
    openapi = pytest.importorskip("flask_apierrors.openapi")
    document: dict[str, Any] = {"openapi": "3.1.0", "paths": {"/x": {"post": {}}}}
    openapi.add_errors(document, keyed)
    assert document["components"]["securitySchemes"] == API_KEY.security
    assert document["paths"]["/x"]["post"]["security"] == [{"ApiKey": []}]


def test_an_authors_guard_satisfies_the_doctor(keyed: Flask) -> None:
    assert diagnose(keyed) == ()


# -- any stack


def limited(view: Any) -> Any:
    """A limit that a request exceeds if it says so."""

    def check(req: Request, state: RequestState) -> None:
        if "X-Over" in req.headers:
            abort(429)

    return guard(view, Mark("limited", statuses=(429,)), Check(Order.RATE_LIMIT, check))


class Stacked(NamedTuple):
    """A guard of a random stack, and what it answers, by the order of its checks."""

    decorate: Callable[[Any], Any]
    checks: dict[Order, Callable[[dict[str, Any]], int | None]]


def _refuse_anonymous(sent: dict[str, Any]) -> int | None:
    return None if sent["principal"] else 401


def _refuse_without_key(sent: dict[str, Any]) -> int | None:
    return None if sent["principal"] and "X-API-Key" in sent["fields"] else 401


STACKED = {
    "limited": Stacked(limited, {Order.RATE_LIMIT: lambda sent: 429 if sent["over"] else None}),
    "requires_auth": Stacked(requires_auth, {Order.AUTHENTICATION: _refuse_anonymous}),
    "requires_key": Stacked(requires_auth("key"), {Order.SCHEME: _refuse_without_key}),
    "requires_permissions": Stacked(
        requires_permissions("write"),
        {
            Order.AUTHENTICATION: _refuse_anonymous,
            Order.PERMISSIONS: lambda sent: None if sent["principal"] == "writer" else 403,
        },
    ),
    "requires_json": Stacked(
        requires_json,
        {
            Order.CONTENT_TYPE: lambda sent: None if sent["type"] == "application/json" else 415,
            Order.JSON: lambda sent: None if sent["body"] == "{}" else 400,
        },
    ),
    "produces": Stacked(
        produces("text/csv"),
        {Order.ACCEPT: lambda sent: None if sent["accept"] == "text/csv" else 406},
    ),
    "rate_limit": Stacked(rate_limit("1000000/second"), {}),
}
#: Credentials, and who they are of. The writer may write.
CREDENTIALS: list[tuple[dict[str, str], str | None]] = [
    ({}, None),
    ({"Authorization": "Bearer forged"}, None),
    ({"Authorization": "Bearer reader"}, "reader"),
    ({"Authorization": "Bearer writer"}, "writer"),
    ({"Authorization": f"Basic {b64encode(b'reader:secret').decode()}"}, "reader"),
    ({"Authorization": f"Basic {b64encode(b'writer:wrong').decode()}"}, None),
    ({"Authorization": "Digest writer"}, None),
    ({"X-API-Key": "writer"}, "writer"),
    ({"X-API-Key": "forged"}, None),
    ({"X-Session": "writer"}, "writer"),
    ({"X-Session": "writer", "Authorization": "Bearer forged"}, None),
]
#: The principals.
PEOPLE = {"reader": {"sub": "reader"}, "writer": {"scope": "write"}}


def errors_with_schemes() -> ApiErrors:
    """Make an instance with four ways to authenticate side by side."""
    errors = ApiErrors()
    errors.verify_token(lambda token: PEOPLE.get(token))
    errors.verify_key(header="X-API-Key")(lambda key: PEOPLE.get(key))
    errors.verify_basic(lambda name, password: PEOPLE.get(name) if password == "secret" else None)
    errors.identify(lambda: PEOPLE.get(request.headers.get("X-Session", "")))
    return errors


SENT = st.fixed_dictionaries(
    {
        "over": st.booleans(),
        "credentials": st.sampled_from(CREDENTIALS),
        "type": st.sampled_from(["application/json", "text/plain"]),
        "body": st.sampled_from(["{}", "{"]),
        "accept": st.sampled_from(["text/csv", "image/png"]),
    }
)
FOREIGN = ("copies", "copies nothing")


def foreign(view: Any, *, copies: bool) -> Any:
    """A decorator that is not of this package, for a view of either kind."""

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs)

    async def awaiting_wrapper(*args: Any, **kwargs: Any) -> Any:
        return await view(*args, **kwargs)

    decorated: Any = awaiting_wrapper if iscoroutinefunction(view) else wrapper
    return wraps(view)(decorated) if copies else decorated


def stack(view: Any, layers: list[str]) -> Any:
    """Put guards and foreign decorators on a view, the innermost first."""
    for layer in layers:
        if layer in FOREIGN:
            view = foreign(view, copies=layer == "copies")
        else:
            view = STACKED[layer].decorate(view)
    return view


def view_of_kind(kind: str, layers: list[str]) -> Any:
    """Make a view with a stack on it."""

    def plain(*args: Any) -> str:
        return "ok"

    async def later() -> str:
        return "ok"

    def stream() -> Iterator[str]:
        yield "o"
        yield "k"

    if kind == "method":
        return type("Single", (MethodView,), {"post": stack(plain, layers)}).as_view("x")  # type: ignore[attr-defined]

    if kind == "class":

        class Whole(MethodView):
            decorators = [lambda view: stack(view, layers)]  # noqa: RUF012

            def post(self) -> str:
                return "ok"

        return Whole.as_view("x")
    views: dict[str, Any] = {"plain": plain, "async": later, "generator": stream}
    return stack(views[kind], layers)


def expected_status(segments: list[list[str]], sent: dict[str, Any]) -> int:
    """Return the status that the contract asks for: the first refusal of the outermost guards."""
    for names in segments:
        checks = [item for name in names for item in STACKED[name].checks.items()]
        for _, check in sorted(checks, key=lambda item: item[0]):
            status = check(sent)
            if status is not None:
                return status
    return 200


def segments_of(layers: list[str], outside: list[str]) -> list[list[str]]:
    """Group the guards of a stack by the foreign decorators between them, the outermost first."""
    segments: list[list[str]] = [[]]
    for layer in reversed(layers):
        if layer in FOREIGN:
            segments.append([])
        else:
            segments[-1].append(layer)
    return [outside + segments[0], *segments[1:]]


@given(data=st.data())
def test_any_stack_anywhere_answers_in_the_order_of_the_contract(data: st.DataObject) -> None:
    pytest.importorskip("asgiref")
    errors = errors_with_schemes()
    app = Flask("harbour")
    kind = data.draw(st.sampled_from(["plain", "async", "generator", "class", "method"]), "kind")
    layer = st.sampled_from([*STACKED, *FOREIGN])
    layers = data.draw(st.lists(layer, max_size=6), "layers")
    blueprint = Blueprint("api", __name__)
    scopes: dict[str, Any] = {"app": app, "blueprint": blueprint, "pattern": "*.x", "star": "*"}
    outside = data.draw(
        st.lists(st.tuples(st.sampled_from([*scopes]), st.sampled_from([*STACKED])), max_size=4),
        "outside",
    )
    is_early = data.draw(st.booleans(), "before the views")
    if is_early:
        for scope, name in outside:
            errors.guard(scopes[scope], STACKED[name].decorate, except_=("open",))
    errors.init_app(app)
    blueprint.add_url_rule(
        "/x", view_func=view_of_kind(kind, layers), endpoint="x", methods=["POST"]
    )
    outer = Blueprint("outer", __name__, url_prefix="/outer")
    outer.register_blueprint(blueprint)
    for parent in (app, outer):
        app.register_blueprint(blueprint if parent is app else outer)
    app.register_blueprint(blueprint, name="second", url_prefix="/second")
    app.add_url_rule("/open", "open", lambda: "ok")
    if not is_early:
        for scope, name in outside:
            errors.guard(scopes[scope], STACKED[name].decorate, except_=("open",))
    names_outside = [name for _, name in outside]
    segments = segments_of(layers, [] if kind == "method" else names_outside)
    if kind == "method":  # what is outside stands on the view of the class
        segments.insert(0, names_outside)
    client = app.test_client(use_cookies=False)
    requests: list[dict[str, Any]] = data.draw(st.lists(SENT, min_size=1, max_size=3), "requests")
    for sent in requests:
        sent["fields"], sent["principal"] = sent["credentials"]
        fields = {**sent["fields"], "Accept": sent["accept"], "Content-Type": sent["type"]}
        fields |= {"X-Over": "1"} if sent["over"] else {}
        path = data.draw(st.sampled_from(["/x", "/outer/x", "/second/x"]), "path")
        response = client.post(path, data=sent["body"], headers=fields)
        assert response.status_code == expected_status(segments, sent), response.text
        assert (response.status_code == 200) == (response.text == "ok")
        assert client.get("/open").text == "ok"
    known = {guard.name for operation in catalogue(app).operations for guard in operation.guards}
    names = {name for names in segments for name in names} - {"rate_limit"}
    assert known == {"requires_auth" if name == "requires_key" else name for name in names}


# -- any request


class Annotation(ma.Schema):
    series = ma.fields.Str(required=True)
    values = ma.fields.Dict(values=ma.fields.List(ma.fields.Float()))
    children = ma.fields.List(ma.fields.Nested(lambda: Annotation()))


@pytest.fixture(scope="module")
def api(make_app: Callable[..., Flask]) -> Flask:
    errors = ApiErrors()
    errors.verify_token(lambda token: {"scope": "write"} if token == "writer" else None)
    app = make_app(errors, MAX_CONTENT_LENGTH=100_000)

    @app.route("/<path:name>", methods=["GET", "POST", "PATCH", "DELETE"])
    @requires_permissions("write")
    @requires_json
    @produces("application/json", "text/csv")
    def view(name: str) -> Any:
        loaded = (
            Annotation().load(request.get_json()) if request.method in ("POST", "PATCH") else {}
        )
        return jsonify(loaded)

    return app


LATIN_1 = st.text(alphabet=st.characters(max_codepoint=255), max_size=30)
JSON = st.recursive(
    st.none() | st.integers() | st.floats() | st.text(max_size=5),
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(st.sampled_from(["series", "values", "children", "x"]), below)
    ),
    max_leaves=8,
)
HEADERS = st.fixed_dictionaries(
    {
        "HTTP_AUTHORIZATION": st.sampled_from(
            ["Bearer writer", "bearer writer ", "Basic \xed", "Bearer"]
        )
        | LATIN_1
    },
    optional={
        "HTTP_ACCEPT": st.sampled_from(
            ["*/*", "text/csv;q=0", "application/problem+json", "image/png"]
        )
        | LATIN_1,
        "CONTENT_TYPE": st.sampled_from(
            ["application/json", "application/x+json", "multipart/form-data; boundary=a"]
        )
        | LATIN_1,
        "CONTENT_LENGTH": st.sampled_from(
            ["", "0", "-1", "abc", "1_0", "99999999999999999999", "\xb2"]
        ),
        "HTTP_TRANSFER_ENCODING": st.sampled_from(["chunked", "gzip", "\xff"]),
        "HTTP_HOST": st.sampled_from(["", "evil.example", "a b", "\xff"]),
        "HTTP_X_REQUEST_ID": LATIN_1,
        "HTTP_COOKIE": LATIN_1,
        "QUERY_STRING": st.sampled_from(["%", "%ff=%00", "a=%zz&&=", "\xff", "a" * 10_000]),
        "PATH_INFO": st.sampled_from(["/", "/%", "/\xff", "/a//../b", "//", "/\x00", "/a\r\nb"]),
    },
)


@given(
    method=st.sampled_from(
        ["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW", "get"]
    ),
    headers=HEADERS,
    body=st.binary(max_size=50) | JSON.map(lambda value: json.dumps(value).encode()),
)
@example(
    method="POST",
    headers={"HTTP_AUTHORIZATION": "Bearer writer", "CONTENT_TYPE": "application/json"},
    body=b"[" * 90_000,
)
@example(
    method="POST",
    headers={"HTTP_AUTHORIZATION": "Bearer writer", "CONTENT_TYPE": "application/json"},
    body=b" " * 100_001,
)
def test_no_request_is_a_500(
    method: str,
    headers: dict[str, str],
    body: bytes,
    api: Flask,
    strict_json: Callable[[bytes], Any],
) -> None:
    response = api.test_client(use_cookies=False).open(
        "/x", method=method, data=body, environ_overrides=headers
    )
    assert response.status_code < 500
    if response.status_code >= 400:
        assert response.mimetype in ("application/json", "application/problem+json")
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Cache-Control"] == "no-store"
        assert "Accept" in response.headers["Vary"]
        assert not any("\r" in value or "\n" in value for _, value in response.headers)
        if method != "HEAD":
            answer = strict_json(response.data)
            assert answer.get("error") or answer.get("detail")
