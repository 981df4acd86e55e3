from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from copy import copy
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask, abort
from hypothesis import example, given
from hypothesis import strategies as st
from werkzeug.exceptions import (
    Conflict,
    MethodNotAllowed,
    NotFound,
    ServiceUnavailable,
    Unauthorized,
    default_exceptions,
)

from flask_apierrors import (
    ApiError,
    FieldError,
    InvalidToken,
    Problem,
    ValidationFailed,
    catalogue,
    raises,
)
from flask_apierrors._core.errors import (
    code_of_status,
    code_of_type,
    status_title,
)


class VesselNotFound(ApiError, NotFound):
    """No vessel with this IMO number is registered."""


class HTTPTimeoutOfUpstream_V2(ApiError):
    pass


class Named(VesselNotFound):
    type = "https://example.com/errors/vessel"
    title = "Vessel is gone"
    retry = "never"


def test_the_class_name_gives_the_type_and_the_title() -> None:
    assert (VesselNotFound.type, VesselNotFound.title) == ("vessel-not-found", "Vessel not found")
    assert HTTPTimeoutOfUpstream_V2.type == "http-timeout-of-upstream-v2"
    assert HTTPTimeoutOfUpstream_V2.title == "Http timeout of upstream v2"
    assert (Named.type, Named.title, Named.retry) == (
        "https://example.com/errors/vessel",
        "Vessel is gone",
        "never",
    )


def test_a_subclass_does_not_inherit_the_type_and_the_title() -> None:
    class TankerNotFound(Named):
        pass

    assert (TankerNotFound.type, TankerNotFound.title) == ("tanker-not-found", "Tanker not found")


def test_the_base_class_has_neither_type_nor_title() -> None:
    assert ApiError.type is None
    assert ApiError.title is None


def test_an_unknown_retry_rule_fails_in_the_class_statement() -> None:
    with pytest.raises(
        ValueError,
        match=r"Mistyped\.retry = 'later': choose one of never, after-delay, if-idempotent",
    ):
        type("Mistyped", (ApiError,), {"retry": "later"})


@pytest.mark.parametrize(
    ("type", "name"),
    [
        ("vessel-not-found", "vessel-not-found"),
        ("https://example.com/errors/vessel", "vessel"),
        ("https://example.com/errors#vessel", "vessel"),
        ("urn:problem:vessel", "vessel"),
        ("https://example.com/errors/", "errors"),
    ],
)
def test_the_page_of_a_type_is_named_by_the_last_part_of_its_uri(type: str, name: str) -> None:
    assert code_of_type(type) == name


def test_an_error_keeps_its_arguments() -> None:
    field = FieldError("no", pointer="#/a")
    error = VesselNotFound(
        "text", headers={"X-A": "b"}, retry_after=5, errors=[field], domain="north", imo=9
    )
    assert isinstance(error, NotFound)
    assert error.code == 404
    assert error.description == "text"
    assert error.errors == (field,)
    assert error.extensions == {"domain": "north", "imo": 9}
    assert VesselNotFound().extensions == {}


def test_an_error_without_a_status_is_a_500() -> None:
    assert ApiError("x").code == 500
    assert HTTPTimeoutOfUpstream_V2("x").code == 500


@pytest.mark.parametrize("status", sorted(default_exceptions))
def test_an_error_with_a_status_is_of_werkzeugs_class_for_it(status: int) -> None:
    error = ApiError("text", status=status)
    assert isinstance(error, ApiError)
    assert isinstance(error, default_exceptions[status])
    assert error.code == status
    assert error.description == "text"
    assert (error.type, error.title) == (None, None)
    assert error.get_response().status_code == status
    assert type(error) is type(ApiError(status=status)), (
        "one class for each status, not one for each error"
    )


def test_a_subclass_with_a_status_keeps_its_type_and_title() -> None:
    class OutOfStock(ApiError):
        """Sold out."""

        title = "Sold out"

    error = OutOfStock(status=409)
    assert isinstance(error, OutOfStock)
    assert isinstance(error, Conflict)
    assert (error.type, error.title, type(error).__doc__) == (
        "out-of-stock",
        "Sold out",
        "Sold out.",
    )


def test_a_status_without_a_werkzeug_class_is_kept() -> None:
    error = ApiError("x", status=499)
    assert (error.code, type(error)) == (499, ApiError)
    assert error.get_response().status_code == 499


def test_a_status_replaces_only_the_code_of_a_class() -> None:
    error = VesselNotFound(status=410)
    assert (error.code, type(error)) == (410, VesselNotFound)


def test_handlers_by_code_and_by_class_get_an_error_with_a_status() -> None:
    app = Flask(__name__)
    app.register_error_handler(409, lambda exc: ("by code", 409))
    app.register_error_handler(ServiceUnavailable, lambda exc: ("by class", 503))

    @app.get("/<int:status>")
    def view(status: int) -> str:
        raise ApiError(status=status)

    assert app.test_client().get("/409").text == "by code"
    assert app.test_client().get("/503").text == "by class"


def test_an_error_also_works_in_an_app_without_the_extension() -> None:
    app = Flask(__name__)

    @app.get("/")
    def view() -> str:
        raise VesselNotFound("No vessel <9>.", headers={"X-Vessel": "9"}, retry_after=0)

    response = app.test_client().get("/")
    assert response.status_code == 404
    assert "No vessel &lt;9&gt;." in response.text
    assert response.headers["X-Vessel"] == "9"
    assert response.headers["Retry-After"] == "0"


# -- any object as a description


class Shy:
    def __str__(self) -> str:
        raise RuntimeError

    def __bool__(self) -> bool:
        raise RuntimeError

    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    __hash__ = object.__hash__


DESCRIPTIONS = st.recursive(
    st.none()
    | st.text()
    | st.text(alphabet=st.characters(categories=["Cs", "Cc"]))
    | st.binary()
    | st.integers()
    | st.floats()
    | st.sampled_from([Shy(), ValueError("x"), Ellipsis, NotFound(), NotFound]),
    lambda below: (
        st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=5), below, max_size=3)
    ),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def detail_app(make_app: Callable[..., Flask]) -> Flask:
    """Make an app that answers 409 with ``app.config["DETAIL"]``, in three ways."""
    app = make_app()

    @app.get("/<how>")
    def view(how: str) -> str:
        detail = app.config["DETAIL"]
        if how == "abort":
            abort(409, detail)
        raise ApiError(detail, status=409, member=detail) if how == "status" else Taken(detail)

    return app


class Taken(ApiError, Conflict):
    """The name is taken."""


@given(detail=DESCRIPTIONS)
@example(detail=Shy())
@example(detail="")
@example(detail=" \n")
@example(detail={"a": 1})
@example(detail=Conflict.description)
def test_every_description_is_answered_with_a_sentence(
    detail: Any, detail_app: Flask, strict_json: Callable[[bytes], Any]
) -> None:
    detail_app.config["DETAIL"] = detail
    for how in ("abort", "status", "class"):
        plain = detail_app.test_client().get(f"/{how}")
        problem = detail_app.test_client().get(
            f"/{how}", headers={"Accept": "application/problem+json"}
        )
        assert plain.status_code == problem.status_code == 409
        body = strict_json(plain.data)
        assert list(body) == ["error"]
        assert isinstance(body["error"], str)
        assert body["error"].strip()
        assert strict_json(problem.data)["detail"] == body["error"]


# -- headers


def test_a_delay_is_sent_as_whole_seconds() -> None:
    for delay, seconds in ((0, "0"), (0.2, "1"), (timedelta(minutes=2), "120")):
        headers = ApiError(status=503, retry_after=delay).get_headers()
        assert [value for name, value in headers if name == "Retry-After"] == [seconds]
    assert "Retry-After" not in dict(ApiError(status=429).get_headers())


def test_the_fields_of_werkzeugs_class_are_kept_unless_replaced_by_name() -> None:
    class Mine(ApiError, MethodNotAllowed):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__("x", **kwargs)
            self.valid_methods = ["GET", "PUT"]

    assert dict(Mine().get_headers())["Allow"] == "GET, PUT"
    allows = [
        value
        for name, value in Mine(headers={"allow": "PATCH"}).get_headers()
        if name.lower() == "allow"
    ]
    assert allows == ["PATCH"]


def test_fields_of_the_same_name_are_all_sent() -> None:
    headers = ApiError(
        status=401,
        headers=[("WWW-Authenticate", "Bearer realm=a"), ("WWW-Authenticate", "Basic realm=b")],
    )
    sent = [value for name, value in headers.get_headers() if name == "WWW-Authenticate"]
    assert sent == ["Bearer realm=a", "Basic realm=b"]


# -- copies


class BerthTaken(ApiError, Conflict):
    def __init__(self, berth: int) -> None:
        super().__init__(f"Berth {berth} is taken.", retry_after=5, berth=berth)


@pytest.mark.parametrize(
    "error",
    [BerthTaken(7), ApiError("Taken.", status=409, headers={"X-Own": "1"}, berth=7)],
    ids=lambda error: type(error).__name__,
)
def test_a_cache_keeps_an_error_with_all_that_it_has(error: ApiError) -> None:
    twin = pickle.loads(pickle.dumps(error))
    assert type(twin) is type(error)
    assert isinstance(twin, Conflict)
    assert vars(twin) == vars(error)
    assert twin.get_headers() == error.get_headers()


def test_an_error_can_be_copied_and_pickled() -> None:
    error = VesselNotFound("text", headers={"X-A": "b"}, retry_after=5, domain="north")
    for twin in (copy(error), pickle.loads(pickle.dumps(error))):
        assert type(twin) is VesselNotFound
        assert vars(twin) == vars(error)
    twin = copy(ApiError("text", status=409, domain="north"))
    assert isinstance(twin, Conflict)
    assert (twin.code, twin.description, twin.extensions) == (409, "text", {"domain": "north"})


# -- values


def test_a_field_error_has_only_the_members_with_a_value() -> None:
    assert FieldError("no").to_dict() == {"detail": "no"}
    assert FieldError("no", pointer="#/a/0").to_dict() == {"detail": "no", "pointer": "#/a/0"}
    assert FieldError("no", parameter="to", location="query").to_dict() == {
        "detail": "no",
        "parameter": "to",
        "in": "query",
    }
    assert FieldError("no", parameter="").to_dict() == {"detail": "no", "parameter": ""}


def test_a_problem_needs_only_four_values() -> None:
    problem = Problem(404, "not-found", "Not Found", "No.")
    assert problem == (
        404,
        "not-found",
        "Not Found",
        "No.",
        (),
        (),
        {},
        "about:blank",
        None,
        None,
        None,
    )


def test_an_invalid_token_is_a_401() -> None:
    assert isinstance(InvalidToken("expired"), Unauthorized)
    assert InvalidToken.type == "invalid-token"


# -- the names of statuses


@pytest.mark.parametrize("status", [*range(400, 600), 299, 999])
def test_every_status_has_a_title_and_a_type(status: int) -> None:
    assert status_title(status)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code_of_status(status))


def test_the_type_of_a_status_is_made_from_the_name_of_its_class() -> None:
    assert code_of_status(404) == "not-found"
    assert code_of_status(418) == "im-a-teapot"
    assert code_of_status(505) == "http-version-not-supported"
    assert code_of_status(499) == "status-499"
    assert status_title(404) == "Not Found"
    assert status_title(499) == "Unknown Error"


@pytest.mark.parametrize(
    "type_", ["vessel not found", "/errors/x", "", 12, "https://example.org/a b", "ß:x", "a?b"]
)
def test_a_type_that_is_neither_a_name_nor_a_uri_fails_where_it_stands(type_: Any) -> None:
    with pytest.raises(ValueError, match="give a short name without spaces"):
        type("Odd", (ApiError,), {"type": type_})


@pytest.mark.parametrize(
    ("type_", "code"),
    [
        ("vessel-not-found", "vessel-not-found"),
        ("größe-fehlt", "größe-fehlt"),
        ("https://example.org/errors/sold", "sold"),
        ("https://example.org/errors?code=12", "12"),
        ("urn:example:sold", "sold"),
    ],
)
def test_the_code_is_the_name_or_the_last_part_of_the_uri(type_: str, code: str) -> None:
    cls: Any = type("Odd", (ApiError,), {"type": type_})
    assert code_of_type(cls.type) == code


@given(st.text().filter(str.isidentifier))
def test_every_class_name_makes_a_code(name: str) -> None:
    cls = type(name, (ApiError, NotFound), {})
    derived: Any = type("Derived", (cls,), {})
    assert derived.type == "derived"


# -- ValidationFailed


def test_an_author_can_say_what_is_invalid(make_app: Callable[..., Flask]) -> None:
    app = make_app(APIERRORS_VALIDATION_STATUS=422, APIERRORS_MAX_ERRORS=3)

    @app.post("/")
    def view() -> str:
        raise ValidationFailed(
            FieldError.at(("items", 3, "a/b~c é"), "Missing.", code="missing", params={"min": 1}),
            FieldError.at((), "It is Sunday."),
            FieldError("No berth.", parameter="berth", location="query"),
            FieldError("left out"),
            headers={"X-Mine": "a"},
            tide="low",
        )

    response = app.test_client().post("/", headers={"Accept": "application/problem+json"})
    body = response.get_json()
    assert (response.status_code, response.headers["X-Mine"], body["tide"]) == (422, "a", "low")
    assert body["detail"] == (
        "Invalid 'items[3].a/b~c é': Missing.; It is Sunday.; Invalid 'berth': No berth.; "
        "and 1 more"
    )
    assert body["code"] == "validation-failed"
    assert body["errors"] == [
        {
            "detail": "Missing.",
            "pointer": "#/items/3/a~1b~0c%20%C3%A9",
            "code": "missing",
            "params": {"min": 1},
        },
        {"detail": "It is Sunday.", "pointer": "#"},
        {"detail": "No berth.", "parameter": "berth", "in": "query"},
    ]


class InvalidOrder(ValidationFailed):
    """The order is invalid."""


@pytest.mark.parametrize("status", [400, 422])
def test_a_subclass_has_a_name_of_its_own(status: int, make_app: Callable[..., Flask]) -> None:
    app = make_app(APIERRORS_VALIDATION_STATUS=status)

    @app.get("/")
    @raises(InvalidOrder)
    def view() -> str:
        raise InvalidOrder(FieldError.at(("size",), "Too large."))

    response = app.test_client().get("/", headers={"Accept": "application/problem+json"})
    assert response.status_code == status
    body = response.get_json()
    assert body["code"] == "invalid-order"
    assert body["detail"] == "Invalid 'size': Too large."
    entry = catalogue(app).error("invalid-order")
    assert (entry.status, entry.meaning) == (status, "The order is invalid.")


@pytest.mark.parametrize("status", [400, 422])
def test_the_catalogue_knows_a_failed_validation(
    status: int, make_app: Callable[..., Flask]
) -> None:
    app = make_app(APIERRORS_VALIDATION_STATUS=status)

    @app.get("/")
    @raises(ValidationFailed)
    def view() -> str:
        return ""

    assert catalogue(app).error("validation-failed").status == status


def test_an_authors_own_sentence_replaces_that_of_the_errors(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app()

    @app.errorhandler(400)
    def see(exc: Exception) -> Any:
        return {"is": type(exc).__name__}

    plain = make_app()
    for each in (app, plain):

        @each.get("/")
        def view() -> str:
            raise ValidationFailed(FieldError("No.", pointer="#/a"), detail="Not today.")

        @each.get("/none")
        def none() -> str:
            raise ValidationFailed

    assert plain.test_client().get("/").get_json() == {"error": "Not today."}
    assert plain.test_client().get("/none").get_json() == {
        "error": "The request was malformed or failed validation."
    }
    assert app.test_client().get("/").get_json() == {"is": "ValidationFailed"}
