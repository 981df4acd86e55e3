from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Optional

import pytest
from flask import Blueprint, Flask, request
from flask.typing import ResponseReturnValue
from flask.views import MethodView, View
from flask_limiter import Limiter
from limits.storage import MemoryStorage
from marshmallow import Schema, ValidationError, fields
from werkzeug.exceptions import (
    BadGateway,
    Conflict,
    Forbidden,
    HTTPException,
    ImATeapot,
    InternalServerError,
    NotFound,
    ServiceUnavailable,
)

from flask_apierrors import (
    ApiError,
    ApiErrors,
    InvalidToken,
    Problem,
    consumes,
    produces,
    raises,
    rate_limit,
    requires_auth,
    requires_json,
    requires_permissions,
)
from flask_apierrors.catalogue import Catalogue, Entry, Operation, catalogue, find
from flask_apierrors.errors import page_name
from flask_apierrors.statuses import RETRIES

MakeApp = Callable[..., Flask]


class VesselNotFound(ApiError, NotFound):
    """No vessel with this IMO number
    is registered.

    Look the number up in `GET /vessels`.
    """


class ServerOnFire(ApiError, InternalServerError):
    """A secret."""


class StoreDown(Exception):
    pass


def view(**variables: Any) -> str:
    return ""


def operation(app: Flask, rule: str = "/x", method: str = "GET", **options: Any) -> Operation:
    found = [op for op in catalogue(app, **options).operations if (op.rule, op.method) == (rule, method)]
    assert len(found) == 1
    return found[0]


def errors_of(op: Operation) -> set[tuple[int, str, str]]:
    """What is particular to an operation: any has 405 and 500."""
    errors = {(error.status, error.type, error.cause) for error in op.errors}
    every = {(405, "method-not-allowed", "method"), (500, "internal-server-error", "crash")}
    assert every <= errors
    return errors - every


def header_names(entry: Entry) -> list[str]:
    return [field.name for field in entry.headers]


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    errors = ApiErrors()
    errors.verify_token(lambda token: {"permissions": []} if token == "poor" else None)
    app = make_app(errors, APIERRORS_REFERENCE_URL="/errors", MAX_CONTENT_LENGTH=100)

    @app.get("/vessels/<int:imo>/<path:expression>")
    @requires_permissions("vessels:read", "vessels:list")
    @produces("application/json", "text/csv")
    @raises(VesselNotFound)
    def vessel(imo: int, expression: str) -> str:
        """One vessel,
        by its number.

        More about it.
        """
        return ""

    @app.post("/vessels")
    @requires_json
    @raises(ValidationError)
    def register() -> str:
        Schema.from_dict({"limit": fields.Integer()})().load(request.get_json())
        return ""

    @app.get("/vessels")
    @raises(ValidationError)
    def vessels() -> str:
        Schema.from_dict({"limit": fields.Integer()})().load(request.args)
        return ""

    @app.patch("/notes")
    @consumes("text/csv", "text/plain")
    def note() -> str:
        return ""

    @app.get("/crash")
    @raises(Conflict)
    def crash() -> str:
        if request.args:
            raise Conflict
        raise ZeroDivisionError

    return app


# -- endpoints


def test_each_method_of_each_rule_is_an_operation(app: Flask) -> None:
    assert [(op.method, op.rule, op.endpoint) for op in catalogue(app).operations] == [
        ("GET", "/crash", "crash"),
        ("PATCH", "/notes", "note"),
        ("GET", "/vessels", "vessels"),
        ("POST", "/vessels", "register"),
        ("GET", "/vessels/<int:imo>/<path:expression>", "vessel"),
    ]


@pytest.mark.parametrize(
    ("rule", "refuses"),
    [
        ("/all", False),
        ("/<name>", False),
        ("/<string:name>/<path:rest>", False),
        ("/<default:name>", False),
        ("/<int:imo>", True),
        ("/<uuid:id>", True),
        ("/<any(red, green):colour>", True),
        ("/<string(length=2):country>", True),
        ("/<name>/<float:height>", True),
    ],
)
def test_routing_refuses_where_a_variable_does_not_take_every_text(make_app: MakeApp, rule: str, refuses: bool) -> None:
    app = make_app()
    app.add_url_rule(rule, "view", lambda **values: "")
    assert ((404, "not-found", "routing") in errors_of(operation(app, rule))) is refuses


def test_an_operation_tells_its_guards_and_its_docstring(app: Flask) -> None:
    op = operation(app, "/vessels/<int:imo>/<path:expression>")
    assert op.summary == "One vessel, by its number."
    assert [(mark.name, mark.values) for mark in op.guards] == [
        ("produces", ("application/json", "text/csv")),
        ("requires_permissions", ("vessels:read", "vessels:list")),
    ]
    assert errors_of(op) == {
        (401, "invalid-token", "requires_permissions"),
        (401, "unauthorized", "requires_permissions"),
        (403, "forbidden", "requires_permissions"),
        (404, "not-found", "routing"),
        (404, "vessel-not-found", "raises"),
        (406, "not-acceptable", "produces"),
    }


@pytest.mark.parametrize(
    ("guard", "errors"),
    [
        (lambda view: view, set()),
        (requires_auth, {(401, "unauthorized", "requires_auth"), (401, "invalid-token", "requires_auth")}),
        (
            requires_json,
            {(415, "unsupported-media-type", "requires_json"), (400, "bad-request", "requires_json")},
        ),
        (consumes("text/csv"), {(415, "unsupported-media-type", "consumes")}),
        (
            consumes("application/merge-patch+json"),
            {(415, "unsupported-media-type", "consumes"), (400, "bad-request", "consumes")},
        ),
        (produces("text/csv"), {(406, "not-acceptable", "produces")}),
        (raises(ImATeapot), {(418, "im-a-teapot", "raises")}),
        (raises(ValidationError), {(400, "validation-failed", "raises")}),
    ],
)
def test_each_guard_brings_its_errors(make_app: MakeApp, guard: Any, errors: set[Any]) -> None:
    app = make_app()
    app.add_url_rule("/x", view_func=guard(view_of()))
    assert errors_of(operation(app)) == errors


@pytest.mark.parametrize("error", [InternalServerError, HTTPException, ServerOnFire, LookupError])
def test_nothing_is_told_of_an_error_that_is_a_500(make_app: MakeApp, error: type[Exception]) -> None:
    app = make_app()
    app.add_url_rule("/x", view_func=raises(error)(view_of()))
    assert [entry.type for entry in catalogue(app).errors if entry.status == 500] == ["internal-server-error"]


def view_of() -> Callable[[], str]:
    def view() -> str:
        return ""

    return view


def test_the_validation_status_is_the_configured_one(make_app: MakeApp) -> None:
    app = make_app(APIERRORS_VALIDATION_STATUS=422)
    app.add_url_rule("/x", view_func=raises(ValidationError)(view_of()))
    assert errors_of(operation(app)) == {(422, "validation-failed", "raises")}


def test_a_method_view_has_the_marks_of_the_class_and_of_each_method(make_app: MakeApp) -> None:
    class Vessels(MethodView):
        """All vessels."""

        decorators = (requires_auth,)

        def get(self) -> str:
            return ""

        @requires_json
        def post(self) -> str:
            """Register a vessel."""
            return ""

    app = make_app()
    app.add_url_rule("/x", view_func=Vessels.as_view("vessels"))
    get, post = operation(app), operation(app, method="POST")
    assert (get.summary, post.summary) == ("All vessels.", "Register a vessel.")
    assert [mark.name for mark in get.guards] == ["requires_auth"]
    assert [mark.name for mark in post.guards] == ["requires_auth", "requires_json"]
    assert 415 not in {error.status for error in get.errors}
    assert {401, 415, 400} < {error.status for error in post.errors}


def test_the_dispatch_request_of_a_view_class_may_have_marks(make_app: MakeApp) -> None:
    class Report(View):
        @produces("text/csv")
        def dispatch_request(self) -> ResponseReturnValue:
            return ""

    app = make_app()
    app.add_url_rule("/x", view_func=Report.as_view("report"))
    assert errors_of(operation(app)) == {(406, "not-acceptable", "produces")}


def test_an_error_that_two_things_cause_occurs_once(make_app: MakeApp) -> None:
    app = make_app()
    app.add_url_rule("/x", view_func=requires_auth(requires_permissions("a")(raises(Forbidden)(view_of()))))
    assert [error.type for error in operation(app).errors].count("forbidden") == 1


def test_a_large_body_is_refused_where_there_is_one(make_app: MakeApp) -> None:
    app = make_app(MAX_CONTENT_LENGTH=10)
    app.add_url_rule("/x", view_func=view_of(), methods=["GET", "POST", "DELETE"])
    assert errors_of(operation(app)) == errors_of(operation(app, method="DELETE")) == set()
    assert errors_of(operation(app, method="POST")) == {(413, "request-entity-too-large", "MAX_CONTENT_LENGTH")}


def test_head_and_options_are_operations_where_an_author_wrote_them(make_app: MakeApp) -> None:
    app = make_app()
    app.add_url_rule("/x", view_func=view, methods=["HEAD", "OPTIONS"], provide_automatic_options=False)
    assert [op.method for op in catalogue(app).operations] == ["HEAD", "OPTIONS"]


def test_what_is_not_the_api_is_left_out(make_app: MakeApp) -> None:
    app = make_app(APIERRORS_URL_PREFIXES=("/api",), APIERRORS_REFERENCE_URL="/api/errors")
    app.add_url_rule("/api/x", view_func=view)
    app.add_url_rule("/apiary", "apiary", view)
    app.add_url_rule("/<anything>", "anything", view)
    app.add_url_rule("/api/built", "built", build_only=True)
    app.add_url_rule("/api/unfinished", "unfinished")
    blueprint = Blueprint("shop", __name__, url_prefix="/api/shop", static_folder="static")
    app.register_blueprint(blueprint)
    assert [op.rule for op in catalogue(app).operations] == ["/api/x"]


def test_hidden_endpoints_are_left_out_unless_asked_for(make_app: MakeApp) -> None:
    errors = ApiErrors()
    app = make_app(errors)
    admin = Blueprint("admin", __name__)
    admin.add_url_rule("/admin", "users", raises(VesselNotFound)(view_of()))
    app.register_blueprint(admin)
    app.add_url_rule("/x", view_func=view_of())
    errors.hide("admin.*")
    assert [op.rule for op in catalogue(app).operations] == ["/x"]
    assert "vessel-not-found" not in {entry.type for entry in catalogue(app).errors}
    assert [op.rule for op in catalogue(app, hidden=True).operations] == ["/admin", "/x"]
    entry = find(app, "vessel-not-found")
    assert entry is not None
    assert entry.occurrences == ()


@pytest.mark.parametrize("endpoints", [(), (None,), (view,)])
def test_hide_takes_names(endpoints: Any) -> None:
    with pytest.raises(TypeError, match=r'errors.hide\("admin.\*"\)'):
        ApiErrors().hide(*endpoints)


# -- the whole app


def test_maintenance_can_happen_anywhere(make_app: MakeApp) -> None:
    errors = ApiErrors()
    app = make_app(errors)
    app.add_url_rule("/x", view_func=view)
    errors.unavailable_when(lambda: None)
    assert errors_of(operation(app)) == {(503, "service-unavailable", "unavailable_when")}
    assert catalogue(app).error("service-unavailable").anywhere


def test_an_untrusted_host_is_refused_anywhere(make_app: MakeApp) -> None:
    app = make_app(TRUSTED_HOSTS=["example.org"])
    app.add_url_rule("/x", view_func=view)
    assert errors_of(operation(app)) == {(400, "bad-request", "TRUSTED_HOSTS")}
    assert catalogue(app).error("bad-request").anywhere


def test_an_unknown_url_is_known_though_no_endpoint_answers_it(make_app: MakeApp) -> None:
    entry = catalogue(make_app()).error("not-found")
    assert entry.anywhere
    assert entry.occurrences == ()
    with pytest.raises(KeyError):
        catalogue(make_app()).error("conflict")


def to_bad_gateway(exc: Exception) -> BadGateway:
    return BadGateway()


def to_one_of_two(exc: Exception) -> VesselNotFound | Conflict:
    return Conflict()


def to_optional(exc: Exception) -> Optional[Conflict]:  # noqa: UP045
    return Conflict()


def to_anything(exc: Exception) -> HTTPException:
    return Conflict()


def to_what_nobody_knows(exc: Exception) -> Unknown:  # type: ignore[name-defined]  # noqa: F821
    return Conflict()


@pytest.mark.parametrize(
    ("converter", "types"),
    [
        (ServiceUnavailable, {(503, "service-unavailable", "convert")}),
        (ServiceUnavailable("text"), {(503, "service-unavailable", "convert")}),
        (ApiError("text", status=409), {(409, "conflict", "convert")}),
        (VesselNotFound, {(404, "vessel-not-found", "convert")}),
        (to_bad_gateway, {(502, "bad-gateway", "convert")}),
        (to_one_of_two, {(404, "vessel-not-found", "convert"), (409, "conflict", "convert")}),
        (to_optional, {(409, "conflict", "convert")}),
        (to_anything, set()),
        (to_what_nobody_knows, set()),
        (lambda exc: Conflict(), set()),
    ],
)
def test_a_converter_tells_what_it_answers(make_app: MakeApp, converter: Any, types: set[Any]) -> None:
    errors = ApiErrors()
    app = make_app(errors)
    app.add_url_rule("/x", view_func=view)
    if isinstance(converter, type | HTTPException):
        errors.convert(StoreDown, to=converter)
    else:
        errors.convert(StoreDown)(converter)
    assert errors_of(operation(app)) == types


def test_a_converted_exception_that_views_declare_occurs_there_alone(make_app: MakeApp) -> None:
    class DiskFull(StoreDown):
        pass

    errors = ApiErrors()
    errors.convert(StoreDown, to=ServiceUnavailable)
    app = make_app(errors)
    app.add_url_rule("/x", "x", raises(DiskFull)(view_of()))
    app.add_url_rule("/y", "y", view_of())
    assert errors_of(operation(app, "/x")) == {(503, "service-unavailable", "raises")}
    assert errors_of(operation(app, "/y")) == set()


# -- limits

QUOTA = "https://iana.org/assignments/http-problem-types#quota-exceeded"
LIMITED = (429, QUOTA, "rate_limit")


def limited_app(make_app: MakeApp, *decorators: Any, **config: Any) -> Flask:
    app = make_app(**config)
    view = view_of()
    for decorator in decorators:
        view = decorator(view)
    app.add_url_rule("/x", "x", view, methods=["GET", "POST", "OPTIONS"], provide_automatic_options=False)
    return app


@pytest.mark.parametrize(
    ("decorators", "config", "limits"),
    [
        ([rate_limit("10/second; 100/hour")], {}, ("10 per 1 second", "100 per 1 hour")),
        ([], {"RATELIMIT_DEFAULT": "9 per 5 minutes"}, ("9 per 5 minutes",)),
        ([rate_limit("10/second")], {"RATELIMIT_DEFAULT": "9/minute"}, ("10 per 1 second",)),
        ([], {"APIERRORS_RATE_LIMITS": {"x": "3/hour"}}, ("3 per 1 hour",)),
        ([rate_limit("10/second")], {"APIERRORS_RATE_LIMITS": {"x": "3/hour"}}, ("3 per 1 hour",)),
        ([], {"RATELIMIT_APPLICATION": "7/day"}, ("7 per 1 day",)),
        ([rate_limit("10/second", methods=["GET"])], {}, ("10 per 1 second",)),
        ([rate_limit(lambda: "4/second")], {}, ("4 per 1 second",)),
        ([rate_limit(lambda: request.args["limit"])], {}, ("depends on the request",)),
    ],
)
def test_limits_are_known_whoever_sets_them(
    make_app: MakeApp, decorators: list[Any], config: dict[str, Any], limits: tuple[str, ...]
) -> None:
    app = limited_app(make_app, *decorators, **config)
    op = operation(app)
    assert op.limits == limits
    assert errors_of(op) == {LIMITED}
    assert catalogue(app).error(QUOTA).name == "quota-exceeded"


@pytest.mark.parametrize(
    ("decorators", "config"),
    [
        ([], {}),
        ([rate_limit("10/second")], {"APIERRORS_RATE_LIMITS": {"*": None}}),
        ([rate_limit("10/second")], {"RATELIMIT_ENABLED": False}),
        ([rate_limit("10/second", methods=["POST"])], {}),
    ],
)
def test_what_is_not_limited_has_no_429(make_app: MakeApp, decorators: list[Any], config: dict[str, Any]) -> None:
    op = operation(limited_app(make_app, *decorators, **config))
    assert (op.limits, errors_of(op)) == ((), set())


def test_options_is_not_limited(make_app: MakeApp) -> None:
    app = limited_app(make_app, RATELIMIT_DEFAULT="1/day")
    assert operation(app, method="POST").limits
    assert operation(app, method="OPTIONS").limits == ()


def test_a_limit_of_the_whole_app_holds_where_nothing_is_routed(make_app: MakeApp) -> None:
    assert catalogue(limited_app(make_app, RATELIMIT_APPLICATION="7/day")).error(QUOTA).anywhere
    assert not catalogue(limited_app(make_app, RATELIMIT_DEFAULT="7/day")).error(QUOTA).anywhere


def test_the_limits_of_a_limiter_of_the_authors_own_are_known(make_app: MakeApp) -> None:
    app = Flask(__name__)
    limiter = Limiter(lambda: "all", app=app, default_limits=["5/hour"], storage_uri="memory://")
    ApiErrors(app)
    app.add_url_rule("/x", "x", view_of())
    app.add_url_rule("/y", "y", limiter.limit("2/minute")(view))  # Flask-Limiter knows views by their names
    assert operation(app, "/x").limits == ("5 per 1 hour",)
    assert operation(app, "/y").limits == ("2 per 1 minute",)


def test_a_storage_that_must_be_there_can_be_missing(make_app: MakeApp) -> None:
    class Elsewhere(MemoryStorage):
        STORAGE_SCHEME = ("elsewhere",)

    storage = {"RATELIMIT_STORAGE_URI": "elsewhere://", "RATELIMIT_IN_MEMORY_FALLBACK_ENABLED": False}
    app = limited_app(make_app, rate_limit("10/second"), **storage)
    assert errors_of(operation(app)) == {LIMITED, (503, "service-unavailable", "RATELIMIT_STORAGE_URI")}


def test_the_example_of_a_429_is_what_is_really_answered(make_app: MakeApp) -> None:
    app = limited_app(make_app, rate_limit("1/day"), RATELIMIT_APPLICATION="2/day")
    app.test_client().get("/x")
    answer = app.test_client().get("/x", headers={"Accept": "application/problem+json"})
    assert answer.status_code == 429
    entry = catalogue(app).error(QUOTA)
    assert entry.problem_example.keys() == answer.get_json().keys()
    assert {"Retry-After", "RateLimit", "RateLimit-Policy"} == set(header_names(entry)) <= set(answer.headers.keys())
    fields = {field.name: field.example for field in entry.headers}
    assert f"Retry after {fields['Retry-After']} seconds." in entry.example["error"]


# -- what is said of an error


def test_a_docstring_says_what_an_error_means_and_what_to_do(app: Flask) -> None:
    entry = catalogue(app).error("vessel-not-found")
    assert (entry.name, entry.status, entry.title) == ("vessel-not-found", 404, "Vessel not found")
    assert entry.meaning == "No vessel with this IMO number is registered."
    assert entry.action == "Look the number up in `GET /vessels`."
    assert entry.sentence == "Vessel not found."


def test_a_class_without_docstring_means_what_its_status_means(make_app: MakeApp) -> None:
    class OutOfStock(ApiError, Conflict):
        pass

    app = make_app()
    app.add_url_rule("/x", view_func=raises(OutOfStock, Conflict)(view_of()))
    found = catalogue(app)
    assert found.error("out-of-stock").meaning == found.error("conflict").meaning
    assert found.error("out-of-stock").action == found.error("conflict").action


def test_the_sentence_is_the_administrators(make_app: MakeApp) -> None:
    app = make_app(APIERRORS_MESSAGES={404: "Nothing here.", "vessel-not-found": "No such vessel."})
    app.add_url_rule("/x/<y>", view_func=raises(VesselNotFound)(view_of()))
    found = catalogue(app)
    assert found.error("not-found").sentence == found.error("not-found").example["error"] == "Nothing here."
    assert found.error("vessel-not-found").sentence == "No such vessel."


@pytest.mark.parametrize(
    ("method", "status", "retry"),
    [
        ("GET", 500, "after-delay"),
        ("PUT", 500, "after-delay"),
        ("DELETE", 500, "after-delay"),
        ("POST", 500, "never"),
        ("PATCH", 500, "never"),
        ("POST", 503, "after-delay"),
        ("GET", 405, "never"),
    ],
)
def test_whether_to_retry_follows_from_the_status_and_the_method(
    make_app: MakeApp, method: str, status: int, retry: str
) -> None:
    errors = ApiErrors()
    errors.unavailable_when(lambda: None)
    app = make_app(errors)
    app.add_url_rule("/x", view_func=view, methods=[method])
    assert {error.status: error.retry for error in operation(app, method=method).errors}[status] == retry


def test_a_class_may_say_whether_to_retry(make_app: MakeApp) -> None:
    class StillLoading(ApiError, Conflict):
        retry = "after-delay"

    app = make_app()
    app.add_url_rule("/x", view_func=raises(StillLoading)(view_of()), methods=["POST"])
    assert catalogue(app).error("still-loading").retry == "after-delay"
    assert {error.type: error.retry for error in operation(app, method="POST").errors}["still-loading"] == "after-delay"


def test_a_class_with_an_unknown_retry_rule_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Wrong.retry = 'sometimes': choose one of never, after-delay, if-idempotent."):

        class Wrong(ApiError):
            retry = "sometimes"  # type: ignore[assignment]


def test_a_class_that_wants_arguments_is_explained_without_them(make_app: MakeApp) -> None:
    class Wanted(ApiError, NotFound):
        def __init__(self, name: str) -> None:
            super().__init__(f"{name} is wanted.")

    class Fussy(ApiError, Conflict):
        def get_headers(self, environ: Any = None, scope: Any = None) -> Any:
            return [("X-Owner", self.owner)]  # type: ignore[attr-defined]

    app = make_app()
    app.add_url_rule("/x", view_func=raises(Wanted, Fussy)(view_of()))
    found = catalogue(app)
    assert found.error("wanted").example == {"error": "Wanted."}
    assert found.error("fussy").status == 409
    assert found.error("fussy").title == "Fussy"


def test_a_class_tells_the_headers_that_it_always_has(make_app: MakeApp) -> None:
    class Moved(ApiError, Conflict):
        def get_headers(self, environ: Any = None, scope: Any = None) -> list[tuple[str, str]]:
            return [*super().get_headers(environ, scope), ("X-Owner", "me"), ("Retry-After", "2.5")]

    app = make_app()
    app.add_url_rule("/x", view_func=raises(Moved)(view_of()))
    fields = catalogue(app).error("moved").headers
    assert [(field.name, field.example) for field in fields] == [("Retry-After", "3"), ("X-Owner", "me")]


def test_the_examples_are_what_is_really_answered(app: Flask) -> None:
    client = app.test_client()
    poor = {"Authorization": "Bearer poor"}
    many = {"data": "{" + " " * 100, "content_type": "application/json"}
    provoked = {
        "not-found": client.get("/"),
        "unauthorized": client.get("/vessels/1/x"),
        "invalid-token": client.get("/vessels/1/x", headers={"Authorization": "Bearer bad"}),
        "forbidden": client.get("/vessels/1/x", headers=poor),
        "method-not-allowed": client.post("/crash"),
        "unsupported-media-type": client.patch("/notes", data="x", content_type="text/xml"),
        "request-entity-too-large": client.post("/vessels", **many),  # type: ignore[arg-type]
        "validation-failed": client.get("/vessels?limit=x"),
        "conflict": client.get("/crash?x=1"),
        "internal-server-error": client.get("/crash"),
    }
    found = catalogue(app)
    common = {field.name for field in found.headers}
    for type_, answer in provoked.items():
        entry = found.error(type_)
        assert (entry.status, entry.example) == (answer.status_code, answer.get_json())
        own = {name for name in answer.headers.keys() if name not in {*common, "Content-Length"}}  # noqa: SIM118
        assert own <= set(header_names(entry)), type_
        assert common <= set(answer.headers.keys())
        for field in entry.headers:
            assert sorted(answer.headers.get(field.name, "missing").split(", ")) == sorted(field.example.split(", "))


def test_the_example_of_a_406_is_what_is_really_answered(make_app: MakeApp) -> None:
    app = make_app()
    app.add_url_rule("/x", view_func=produces("text/csv", "text/plain")(view_of()))
    answer = app.test_client().get("/x", headers={"Accept": "image/png"})
    assert catalogue(app).error("not-acceptable").example == answer.get_json()


def test_a_problem_example_names_a_page_below_the_place_where_the_app_is_mounted(app: Flask) -> None:
    entry = catalogue(app, root_path="/v1").error("vessel-not-found")
    assert entry.problem_example == {
        "type": "/v1/errors/vessel-not-found",
        "title": "Vessel not found",
        "status": 404,
        "detail": "Vessel not found.",
        "instance": "/v1/vessels/imo/expression",
        "request_id": entry.problem_example["request_id"],
    }
    assert catalogue(app).error("vessel-not-found").problem_example["type"] == "/errors/vessel-not-found"


def test_the_type_in_an_answer_is_a_path_of_this_host(app: Flask) -> None:
    answer = app.test_client().get("/nowhere", headers={"Accept": "application/problem+json"})
    assert answer.get_json()["type"] == "/errors/not-found"


@pytest.mark.parametrize(
    ("type", "name"),
    [
        ("vessel-not-found", "vessel-not-found"),
        ("https://iana.org/assignments/http-problem-types#quota-exceeded", "quota-exceeded"),
        ("https://example.org/problems/out-of-stock/", "out-of-stock"),
        ("urn:problem-type:out-of-stock", "out-of-stock"),
        ("tag:", "tag"),
    ],
)
def test_each_type_has_a_name_for_its_page(type: str, name: str) -> None:
    assert page_name(type) == name


def test_headers_are_those_of_all_places(make_app: MakeApp) -> None:
    app = make_app()
    app.add_url_rule("/a", "a", requires_json(view_of()), methods=["POST"])
    app.add_url_rule("/b", "b", requires_json(view_of()), methods=["PATCH"])
    app.add_url_rule("/c", "c", raises(Forbidden)(view_of()))
    app.add_url_rule("/d", "d", requires_permissions("x")(view_of()))
    found = catalogue(app)
    assert header_names(found.error("unsupported-media-type")) == ["Accept", "Accept-Patch"]
    assert header_names(found.error("forbidden")) == ["WWW-Authenticate"]
    assert all(field.meaning for entry in found.errors for field in entry.headers)
    assert all(field.meaning for field in found.headers)


def test_the_request_id_is_a_header_where_it_is_on(make_app: MakeApp) -> None:
    def names(app: Flask) -> set[str]:
        return {field.name for field in catalogue(app).headers}

    without = names(make_app(APIERRORS_REQUEST_ID_HEADER=None))
    assert names(make_app()) - without == {"X-Request-ID"}
    assert names(make_app(APIERRORS_REQUEST_ID_HEADER="Trace")) - without == {"Trace"}


def test_the_example_has_the_shape_that_the_author_gives_it(make_app: MakeApp) -> None:
    errors = ApiErrors()
    app = make_app(errors)
    errors.format(lambda problem: {"fault": problem.status})
    assert catalogue(app).error("not-found").example == {"fault": 404}


def test_a_format_that_reads_the_request_leaves_the_default_shape(make_app: MakeApp) -> None:
    errors = ApiErrors()
    app = make_app(errors)

    @errors.format
    def of_request(problem: Problem) -> dict[str, Any]:
        return {"path": request.path}

    assert catalogue(app).error("not-found").example == {"error": "The requested resource does not exist."}


# -- the value


def test_the_same_app_gives_the_same_catalogue(app: Flask) -> None:
    first = catalogue(app)
    assert first == catalogue(app)
    assert repr(first) == repr(catalogue(app))


def test_the_order_of_registration_is_of_no_consequence(make_app: MakeApp) -> None:
    def made(*rules: str) -> Catalogue:
        app = make_app()
        for rule in rules:
            app.add_url_rule(rule, rule, raises(VesselNotFound, Conflict)(view_of()))
        return catalogue(app)

    assert made("/a", "/b", "/c") == made("/c", "/a", "/b")


def test_errors_and_endpoints_tell_the_same(app: Flask) -> None:
    found = catalogue(app)
    of_operations = {error for op in found.operations for error in op.errors}
    of_errors = {occurrence for entry in found.errors for occurrence in entry.occurrences}
    assert of_operations == of_errors
    assert [(entry.status, entry.name) for entry in found.errors] == sorted((e.status, e.name) for e in found.errors)
    assert {entry.retry for entry in found.errors} <= set(RETRIES)


def test_a_catalogue_is_json(app: Flask, strict_json: Callable[[str], Any]) -> None:
    found = catalogue(app)
    members = strict_json(json.dumps(found.to_dict()))
    assert [entry["type"] for entry in members["errors"]] == [entry.type for entry in found.errors]
    assert members["operations"][-1]["guards"][0] == {"name": "produces", "values": ["application/json", "text/csv"]}


def test_an_app_without_the_contract_has_no_catalogue() -> None:
    with pytest.raises(RuntimeError, match="init_app"):
        catalogue(Flask(__name__))


# -- what is not in it


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("validation-failed", 400),
        ("invalid-token", 401),
        ("length-required", 411),
        ("expectation-failed", 417),
        ("im-a-teapot", 418),
        ("unprocessable-entity", 422),
        ("unavailable-for-legal-reasons", 451),
        ("status-499", 499),
        ("status-402", 402),
        ("status-599", 599),
        ("vessel-not-found", 404),
    ],
)
def test_what_an_author_may_abort_with_can_be_found(make_app: MakeApp, name: str, status: int) -> None:
    entry = find(make_app(), name)
    assert entry is not None
    assert (entry.name, entry.status, entry.occurrences) == (name, status, ())
    assert entry.meaning
    assert entry.action
    assert entry.example["error"] == entry.sentence


@pytest.mark.parametrize("name", ["", "nonsense", "status-200", "status-404", "status-600", "status-", "../x", "404"])
def test_what_nobody_answers_cannot_be_found(make_app: MakeApp, name: str) -> None:
    assert find(make_app(), name) is None


def test_a_class_whose_status_is_given_when_it_is_raised_can_be_found(make_app: MakeApp) -> None:
    class SoldOut(ApiError):
        """Nothing is left."""

    app = make_app()
    entry = find(app, "sold-out")
    assert entry is not None
    assert entry.meaning == "Nothing is left."
    raised = SoldOut(status=409)
    again = find(app, "sold-out")
    assert again is not None
    assert again.status == 409 == raised.code


def test_the_text_for_authors_in_the_packages_own_class_is_not_shown(make_app: MakeApp) -> None:
    entry = find(make_app(), "invalid-token")
    assert entry is not None
    assert entry.meaning.startswith("The request has a Bearer token")
    assert InvalidToken.__doc__ not in entry.meaning
