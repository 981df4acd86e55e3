"""Promises of the catalogue: what an app can answer, explained, without a request."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask, abort, g, request
from flask.json.provider import DefaultJSONProvider
from flask_cors import cross_origin
from marshmallow import ValidationError
from werkzeug.exceptions import Conflict, Forbidden, NotFound

from flask_apierrors import (
    ApiError,
    ApiErrors,
    InvalidToken,
    Problem,
    ValidationFailed,
    consumes,
    produces,
    raises,
    rate_limit,
    requires_auth,
    requires_json,
    requires_permissions,
)
from flask_apierrors._catalogue.catalogue import catalogue, find
from flask_apierrors._catalogue.model import Catalogue, Entry, Operation
from flask_apierrors._core.errors import code_of_type
from flask_apierrors._core.statuses import RETRIES
from tests.conftest import view_of

MakeApp = Callable[..., Flask]


class VesselNotFound(ApiError, NotFound):
    """No vessel with this IMO number
    is registered.

    Look the number up in `GET /vessels`.
    """


def view(**variables: Any) -> str:
    return ""


def operation(app: Flask, rule: str = "/x", method: str = "GET", **options: Any) -> Operation:
    operations = [
        op for op in catalogue(app, **options).operations if (op.rule, op.method) == (rule, method)
    ]
    assert len(operations) == 1
    return operations[0]


def header_names(entry: Entry) -> list[str]:
    return [field.name for field in entry.headers]


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    errors = ApiErrors()
    errors.verify_token(lambda token: None)
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
        return ""

    @app.get("/vessels")
    @raises(ValidationError)
    def vessels() -> str:
        return ""

    @app.patch("/notes")
    @consumes("text/csv", "text/plain")
    def note() -> str:
        return ""

    @app.get("/crash")
    @raises(Conflict)
    def crash() -> str:
        return ""

    return app


# -- operations


def test_an_operation_has_its_guards_and_its_docstring(app: Flask) -> None:
    op = operation(app, "/vessels/<int:imo>/<path:expression>")
    assert op.summary == "One vessel, by its number."
    assert [(mark.name, mark.values) for mark in op.guards] == [
        ("produces", ("application/json", "text/csv")),
        ("requires_permissions", ("vessels:read", "vessels:list")),
    ]
    assert {(error.status, error.code, error.cause) for error in op.errors} == {
        (401, "invalid-token", "requires_permissions"),
        (401, "unauthorized", "requires_permissions"),
        (403, "forbidden", "requires_permissions"),
        (404, "not-found", "routing"),
        (404, "vessel-not-found", "raises"),
        (405, "method-not-allowed", "method"),
        (406, "not-acceptable", "produces"),
        (500, "internal-server-error", "crash"),
    }


def test_hidden_endpoints_are_omitted_by_default(make_app: MakeApp) -> None:
    errors = ApiErrors()
    app = make_app(errors)
    admin = Blueprint("admin", __name__)
    admin.add_url_rule("/admin", "users", raises(VesselNotFound)(view_of()))
    app.register_blueprint(admin)
    app.add_url_rule("/x", view_func=view_of())
    errors.hide("admin.*")
    assert [op.rule for op in catalogue(app).operations] == ["/x"]
    assert "vessel-not-found" not in {entry.code for entry in catalogue(app).errors}
    assert [op.rule for op in catalogue(app, hidden=True).operations] == ["/admin", "/x"]
    entry = find(app, "vessel-not-found")
    assert entry is not None
    assert entry.occurrences == ()


@pytest.mark.parametrize("endpoints", [(), (None,), (view,)])
def test_hide_takes_names(endpoints: Any) -> None:
    with pytest.raises(TypeError, match=r'errors.hide\("admin.\*"\)'):
        ApiErrors().hide(*endpoints)


def test_a_404_can_occur_without_an_endpoint(make_app: MakeApp) -> None:
    entry = catalogue(make_app()).error("not-found")
    assert entry.anywhere
    assert entry.occurrences == ()


# -- errors


def test_a_docstring_says_what_an_error_means_and_what_to_do(app: Flask) -> None:
    entry = catalogue(app).error("vessel-not-found")
    assert (entry.code, entry.status, entry.title) == ("vessel-not-found", 404, "Vessel not found")
    assert entry.meaning == "No vessel with this IMO number is registered."
    assert entry.action == "Look the number up in `GET /vessels`."
    assert entry.sentence == "Vessel not found."


def test_a_class_without_docstring_means_what_its_status_means(make_app: MakeApp) -> None:
    class OutOfStock(ApiError, Conflict):
        pass

    app = make_app()
    app.add_url_rule("/x", view_func=raises(OutOfStock, Conflict)(view_of()))
    contract = catalogue(app)
    assert contract.error("out-of-stock").meaning == contract.error("conflict").meaning
    assert contract.error("out-of-stock").action == contract.error("conflict").action


def test_the_sentence_is_the_configured_one(make_app: MakeApp) -> None:
    app = make_app(APIERRORS_MESSAGES={404: "Nothing here.", "vessel-not-found": "No such vessel."})
    app.add_url_rule("/x/<y>", view_func=raises(VesselNotFound)(view_of()))
    contract = catalogue(app)
    assert (
        contract.error("not-found").sentence
        == contract.error("not-found").example["error"]
        == "Nothing here."
    )
    assert contract.error("vessel-not-found").sentence == "No such vessel."


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
def test_whether_to_retry_depends_on_the_status_and_the_method(
    make_app: MakeApp, method: str, status: int, retry: str
) -> None:
    errors = ApiErrors()
    errors.unavailable_when(lambda: None)
    app = make_app(errors)
    app.add_url_rule("/x", view_func=view, methods=[method])
    assert {error.status: error.retry for error in operation(app, method=method).errors}[
        status
    ] == retry


def test_a_class_can_say_whether_to_retry(make_app: MakeApp) -> None:
    class StillLoading(ApiError, Conflict):
        retry = "after-delay"

    app = make_app()
    app.add_url_rule("/x", view_func=raises(StillLoading)(view_of()), methods=["POST"])
    assert catalogue(app).error("still-loading").retry == "after-delay"
    assert {error.code: error.retry for error in operation(app, method="POST").errors}[
        "still-loading"
    ] == "after-delay"


def test_a_class_with_an_unknown_retry_rule_is_refused() -> None:
    with pytest.raises(
        ValueError,
        match=r"Wrong.retry = 'sometimes': choose one of never, after-delay, if-idempotent.",
    ):

        class Wrong(ApiError):
            retry = "sometimes"  # type: ignore[assignment]


def test_a_class_that_needs_its_init_is_explained_without_it(make_app: MakeApp) -> None:
    class Fussy(ApiError, Conflict):
        def get_headers(self, environ: Any = None, scope: Any = None) -> Any:
            return [("X-Owner", self.owner)]  # type: ignore[attr-defined]

    app = make_app()
    app.add_url_rule("/x", view_func=raises(Fussy)(view_of()))
    contract = catalogue(app)
    assert contract.error("fussy").status == 409
    assert contract.error("fussy").title == "Fussy"


def test_the_headers_of_a_class_are_known(make_app: MakeApp) -> None:
    class Moved(ApiError, Conflict):
        def get_headers(self, environ: Any = None, scope: Any = None) -> list[tuple[str, str]]:
            return [*super().get_headers(environ, scope), ("X-Owner", "me"), ("Retry-After", "2.5")]

    app = make_app()
    app.add_url_rule("/x", view_func=raises(Moved)(view_of()))
    fields = catalogue(app).error("moved").headers
    assert [(field.name, field.example) for field in fields] == [
        ("Retry-After", "3"),
        ("X-Owner", "me"),
    ]


def test_a_problem_example_names_a_page_below_the_mount_point(
    app: Flask,
) -> None:
    entry = catalogue(app, root_path="/v1").error("vessel-not-found")
    assert entry.problem_example == {
        "type": "/v1/errors/vessel-not-found",
        "title": "Vessel not found",
        "status": 404,
        "detail": "Vessel not found.",
        "instance": "/v1/vessels/imo/expression#6f9619ff8b86d011b42d00cf4fc964ff",
        "code": "vessel-not-found",
        "request_id": entry.problem_example["request_id"],
    }
    assert (
        catalogue(app).error("vessel-not-found").problem_example["type"]
        == "/errors/vessel-not-found"
    )


def test_the_type_in_a_response_is_a_path_on_this_host(app: Flask) -> None:
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
    assert code_of_type(type) == name


def test_an_error_has_the_headers_of_all_its_occurrences(make_app: MakeApp) -> None:
    errors = ApiErrors()
    errors.verify_token(lambda token: None)
    app = make_app(errors)
    app.add_url_rule("/a", "a", requires_json(view_of()), methods=["POST"])
    app.add_url_rule("/b", "b", requires_json(view_of()), methods=["PATCH"])
    app.add_url_rule("/c", "c", raises(Forbidden)(view_of()))
    app.add_url_rule("/d", "d", requires_permissions("x")(view_of()))
    contract = catalogue(app)
    assert header_names(contract.error("unsupported-media-type")) == ["Accept", "Accept-Patch"]
    assert header_names(contract.error("forbidden")) == ["WWW-Authenticate"]
    assert all(field.meaning for entry in contract.errors for field in entry.headers)
    assert all(field.meaning for field in contract.headers)


def test_the_request_id_is_a_header_if_request_ids_are_on(make_app: MakeApp) -> None:
    def names(app: Flask) -> set[str]:
        return {field.name for field in catalogue(app).headers}

    without = names(make_app(APIERRORS_REQUEST_ID_HEADER=None))
    assert names(make_app()) - without == {"X-Request-ID"}
    assert names(make_app(APIERRORS_REQUEST_ID_HEADER="Trace")) - without == {"Trace"}


def test_an_example_has_the_authors_own_shape(make_app: MakeApp) -> None:
    errors = ApiErrors()
    app = make_app(errors)
    errors.format(lambda problem: {"fault": problem.status})
    assert catalogue(app).error("not-found").example == {"fault": 404}


def test_a_format_that_fails_leaves_the_default_shape(make_app: MakeApp) -> None:
    errors = ApiErrors()
    app = make_app(errors)
    errors.format(lambda problem: {"user": g.user})
    assert catalogue(app).error("not-found").example == {
        "error": "The requested resource does not exist."
    }


def test_an_example_is_made_in_a_request_of_the_catalogues_own(make_app: MakeApp) -> None:
    errors = ApiErrors()
    app = make_app(errors)
    errors.verify_token(lambda token: token)
    app.before_request(lambda: setattr(g, "user", "Ann"))
    app.add_url_rule("/vessels", view_func=requires_auth(lambda: ""), endpoint="api.vessels")

    @errors.format
    def of_request(problem: Problem) -> dict[str, Any]:
        authorization = request.headers.get("Authorization")
        return {"url": request.url, "at": request.blueprint, "who": [authorization, "user" in g]}

    own = {"url": "http://localhost/vessels", "at": "api", "who": [None, False]}
    assert catalogue(app).error("unauthorized").example == own
    with app.test_request_context("/?q=secret", headers={"Authorization": "Bearer t", "Host": "e"}):
        app.preprocess_request()
        assert catalogue(app).error("unauthorized").example == own
        assert g.user == "Ann"
        assert request.args["q"] == "secret"


def test_a_limit_by_a_function_is_unknown_whoever_asks(make_app: MakeApp) -> None:
    app = make_app(ApiErrors())
    app.add_url_rule("/", view_func=rate_limit(lambda: request.args["limit"])(lambda: ""))
    with app.test_request_context("/?limit=1/day"):
        assert catalogue(app).operations[0].limits == ("depends on who asks",)


def test_a_limit_by_a_function_is_published_as_such(make_app: MakeApp) -> None:
    app = make_app(APIERRORS_RATE_LIMITS={"lifted": None})
    limit = rate_limit(lambda: "3/minute")
    app.add_url_rule("/x", "x", rate_limit("9/hour")(limit(view)))
    app.add_url_rule("/y", "lifted", limit(view))
    app.add_url_rule("/z", "z", rate_limit(lambda: "3/minute", methods=["POST"])(view))
    assert operation(app).limits == ("9 per 1 hour", "depends on who asks")
    assert 429 in {error.status for error in operation(app).errors}
    assert operation(app, "/y").limits == operation(app, "/z").limits == ()


def test_no_hook_of_the_author_runs_for_an_example(make_app: MakeApp) -> None:
    app = make_app()
    calls: list[str] = []
    app.before_request(lambda: calls.append("before"))
    app.teardown_request(lambda exc: calls.append("request"))
    app.teardown_appcontext(lambda exc: calls.append("app"))
    catalogue(app)
    with app.app_context():
        catalogue(app)
        assert calls == []


def test_a_json_provider_that_fails_leaves_the_examples(make_app: MakeApp) -> None:
    class NoJson(DefaultJSONProvider):
        def dumps(self, obj: Any, **kwargs: Any) -> str:
            return "not JSON"

    app = make_app()
    app.json = NoJson(app)
    entry = catalogue(app).error("not-found")
    assert entry.example == {"error": entry.sentence}
    assert entry.problem_example["detail"] == entry.sentence


# -- the value


def test_the_same_app_gives_the_same_catalogue(app: Flask) -> None:
    first = catalogue(app)
    assert first == catalogue(app)
    assert repr(first) == repr(catalogue(app))


def test_the_order_of_registration_does_not_matter(make_app: MakeApp) -> None:
    def catalogue_of(*rules: str) -> Catalogue:
        app = make_app()
        for rule in rules:
            app.add_url_rule(rule, rule, raises(VesselNotFound, Conflict)(view_of()))
        return catalogue(app)

    assert catalogue_of("/a", "/b", "/c") == catalogue_of("/c", "/a", "/b")


def test_errors_and_operations_agree(app: Flask) -> None:
    contract = catalogue(app)
    of_operations = {error for op in contract.operations for error in op.errors}
    of_errors = {occurrence for entry in contract.errors for occurrence in entry.occurrences}
    assert of_operations == of_errors
    assert [(entry.status, entry.code) for entry in contract.errors] == sorted(
        (e.status, e.code) for e in contract.errors
    )
    assert {entry.retry for entry in contract.errors} <= set(RETRIES)


# -- what the source raises


def test_an_error_in_the_source_is_found_with_its_place(make_app: MakeApp) -> None:
    app = make_app()

    @app.get("/x")
    def x() -> str:
        abort(409)

    (error,) = (error for error in operation(app).errors if error.cause == "source")
    assert (error.status, error.code) == (409, "conflict")
    assert error.place.endswith(f"test_catalogue.py:{x.__code__.co_firstlineno + 2}")
    assert operation(app).unknown == ()


def test_a_class_in_the_source_has_its_own_entry(make_app: MakeApp) -> None:
    class Unlisted(ApiError, NotFound):
        """The vessel is in no list."""

    app = make_app()

    @app.get("/x")
    def x() -> str:
        raise Unlisted

    assert catalogue(app).error("unlisted").meaning == "The vessel is in no list."


def test_what_a_view_declares_is_not_found_again(make_app: MakeApp) -> None:
    app = make_app()

    @app.get("/x")
    @raises(Conflict)
    def x() -> str:
        abort(409)

    assert [error.cause for error in operation(app).errors if error.status == 409] == ["raises"]


def test_a_converted_exception_in_the_source_is_what_it_becomes(make_app: MakeApp) -> None:
    class Taken(Exception): ...

    class Lost(Exception): ...

    errors = ApiErrors()
    errors.convert(Taken, to=Conflict)
    errors.convert(Forbidden, to=NotFound)
    errors.convert(Lost)(lambda exc: NotFound())
    app = make_app(errors)

    @app.get("/x")
    def x(number: int = 1) -> str:
        if number:
            abort(403)
        raise Taken

    @app.get("/y")
    def y() -> str:
        raise Lost

    @app.get("/z")
    def z() -> str:
        raise KeyError

    def statuses(rule: str) -> list[int]:
        return [error.status for error in operation(app, rule).errors]

    assert statuses("/x") == [404, 405, 409, 500]
    assert statuses("/y") == statuses("/z") == [405, 500]
    (place,) = operation(app, "/y").unknown  # nobody knows what the converter returns
    assert place.endswith(f"test_catalogue.py:{y.__code__.co_firstlineno + 2}")


def test_statuses_in_the_source_can_be_unusual(make_app: MakeApp) -> None:
    class Own(ApiError):
        """An error of many statuses."""

    app = make_app(APIERRORS_VALIDATION_STATUS=422)

    @app.get("/x")
    def x(number: int = 1) -> str:
        if number == 1:
            raise ApiError("text", status=499)
        if number == 2:
            raise Own("text", status=498)
        if number == 3:
            raise Own("text", status=302)
        raise ValidationError("text")

    pairs = [(error.status, error.code) for error in operation(app).errors]
    assert pairs[1:] == [
        (422, "validation-failed"),
        (498, "own"),
        (499, "status-499"),
        (500, "internal-server-error"),
    ]


def test_an_example_has_the_status_of_the_source(make_app: MakeApp) -> None:
    class Own(ApiError):
        """An error of many statuses."""

    app = make_app()

    @app.get("/x")
    def x() -> str:
        raise Own("text", status=498)

    assert catalogue(app).error("own").problem_example["status"] == 498


def test_failed_validations_in_the_source_have_the_configured_status(make_app: MakeApp) -> None:
    class Overbooked(ValidationFailed):
        """There are more bookings than berths."""

    app = make_app(APIERRORS_VALIDATION_STATUS=422)

    @app.get("/x")
    def x(number: int = 1) -> str:
        raise Overbooked if number else ValidationFailed()

    codes = [error.code for error in operation(app).errors if error.status == 422]
    assert codes == ["overbooked", "validation-failed"]


def test_what_the_source_does_not_say_is_unknown(make_app: MakeApp) -> None:
    app = make_app()

    @app.get("/x")
    def x(code: int = 404) -> str:
        abort(code)

    (place,) = operation(app).unknown
    assert place.endswith(f"test_catalogue.py:{x.__code__.co_firstlineno + 2}")


def test_what_runs_before_a_view_belongs_to_its_blueprint(make_app: MakeApp) -> None:
    outer, inner = Blueprint("outer", __name__), Blueprint("inner", __name__)
    inner.add_url_rule("/inner", "x", view)
    outer.add_url_rule("/outer", "x", view)

    @inner.before_request
    def only_inside() -> None:
        abort(401)

    @outer.url_value_preprocessor
    def only_known(endpoint: str | None, values: Any) -> None:
        abort(410)

    app = make_app()
    app.add_url_rule("/x", "x", view)
    app.before_request(lambda: abort(423))
    outer.register_blueprint(inner)
    app.register_blueprint(outer)

    def found(rule: str) -> set[int]:
        return {error.status for error in operation(app, rule).errors if error.cause == "source"}

    assert found("/x") == {423}
    assert found("/outer") == {423, 410}
    assert found("/inner") == {423, 410, 401}


def test_a_preflight_that_flask_cors_answers_raises_nothing(make_app: MakeApp) -> None:
    app = make_app()

    @app.route("/x", methods=["GET", "OPTIONS"])
    @cross_origin()
    def x() -> str:
        abort(409)

    assert 409 in {error.status for error in operation(app).errors}
    assert 409 not in {error.status for error in operation(app, method="OPTIONS").errors}
    assert app.test_client().options("/x").status_code == 200


def test_hundreds_of_views_are_read_in_seconds(make_app: MakeApp, tmp_path: Path) -> None:
    lines = ["from flask import abort", "def check(number):", "    if number: abort(410)"]
    for number in range(300):
        lines += [f"def view_{number}(n=0):", "    check(n)", "    try:", "        abort(404)"]
        lines += ["    except KeyError:", "        raise", "    return {'a': [n, {'b': n}]}"]
    file = tmp_path / "many.py"
    file.write_text("\n".join(lines))
    names: dict[str, Any] = {"__name__": "many"}
    exec(compile(file.read_text(), str(file), "exec"), names)
    app = make_app()
    for number in range(300):
        app.add_url_rule(f"/{number}", view_func=names[f"view_{number}"])
    begin = time.process_time()
    operations = catalogue(app).operations
    assert time.process_time() - begin < 3
    assert {error.status for error in operations[-1].errors} >= {404, 410}


def test_an_app_without_api_errors_has_no_catalogue() -> None:
    with pytest.raises(RuntimeError, match="init_app"):
        catalogue(Flask(__name__))


# -- errors that no operation has


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
def test_an_error_without_an_endpoint_can_be_found(
    make_app: MakeApp, name: str, status: int
) -> None:
    app = make_app()
    app.add_url_rule("/x", view_func=view)
    entry = find(app, name)
    assert entry is not None
    assert (entry.code, entry.status, entry.occurrences) == (name, status, ())
    assert entry.meaning
    assert entry.action
    assert entry.example["error"] == entry.sentence


@pytest.mark.parametrize(
    "name", ["", "nonsense", "status-200", "status-404", "status-600", "status-", "../x", "404"]
)
def test_an_unknown_name_cannot_be_found(make_app: MakeApp, name: str) -> None:
    assert find(make_app(), name) is None


def test_a_class_without_a_status_can_be_found(make_app: MakeApp) -> None:
    class SoldOut(ApiError):
        """Nothing is left."""

    app = make_app()
    app.add_url_rule("/x", view_func=lambda: str(SoldOut))
    entry = find(app, "sold-out")
    assert entry is not None
    assert entry.meaning == "Nothing is left."
    raised = SoldOut(status=409)
    again = find(app, "sold-out")
    assert again is not None
    assert again.status == 409 == raised.code


def test_the_classes_of_another_app_are_not_explained(make_app: MakeApp) -> None:
    class Internal(ApiError, NotFound):
        """The secret project."""

    other = make_app()

    @other.get("/x")
    @raises(Internal)
    def x() -> str:
        raise Internal

    assert find(other, "internal") is not None
    assert find(make_app(), "internal") is None


def test_clients_do_not_see_the_docstrings_of_this_package(make_app: MakeApp) -> None:
    entry = find(make_app(), "invalid-token")
    assert entry is not None
    assert entry.meaning.startswith("The request has a Bearer token")
    assert str(InvalidToken.__doc__) not in entry.meaning
