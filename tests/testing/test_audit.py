from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import pytest
from flask import Flask, Response, abort, request
from werkzeug.exceptions import Unauthorized

from flask_apierrors import ApiErrors, InvalidToken, Mark, guard, requires_auth, requires_json
from flask_apierrors.testing import audit
from tests.testing.apps import FAULTS, refuse_preflights, right_app


def test_an_app_that_keeps_all_promises_has_no_findings() -> None:
    app, _ = right_app()
    report = audit(app)
    assert not report, report
    assert report.requests > 100
    assert report.skipped == ()


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found(fault: str) -> None:
    break_, rule = FAULTS[fault]
    app, errors = right_app()
    break_(app, errors)
    report = audit(app)
    assert rule in {finding.rule for finding in report}, report


def test_views_that_write_run_only_if_the_author_asks() -> None:
    app = Flask("app")
    ApiErrors(app)
    ran: list[str] = []

    def view() -> str:
        ran.append("x")
        return "ok"

    app.add_url_rule("/x", "x", view, methods=["POST"])
    assert not audit(app)
    assert ran == []
    assert not audit(app, writes=True)
    assert ran


def test_a_crash_of_a_view_that_writes_is_found_if_it_runs() -> None:
    app, _ = right_app()
    report = audit(app, writes=True)
    # The views that write of this app fail if an audit runs them.
    assert {finding.rule for finding in report} == {"bad-request-crashes"}
    assert {finding.endpoint for finding in report} == {"add", "v1.harbours"}


def test_streams_and_async_views_are_audited() -> None:
    pytest.importorskip("asgiref")
    app = Flask("app")
    ApiErrors(app)

    @app.get("/stream")
    def stream() -> Iterator[str]:
        yield "ok"

    @app.get("/async")
    async def asynchronous() -> str:
        return "ok"

    assert not audit(app)


def test_an_endpoint_can_be_left_out() -> None:
    app, errors = right_app()
    FAULTS["an error with status 200"][0](app, errors)
    assert audit(app)
    assert not audit(app, except_=("fault*",))


def test_an_endpoint_without_a_url_is_named() -> None:
    app, _ = right_app()
    app.add_url_rule("/x/<int(min=1000):number>", "x", lambda number: "")
    report = audit(app)
    assert report.skipped == ("x",)


def test_guards_of_other_libraries_need_credentials() -> None:
    app = Flask("app")
    errors = ApiErrors(app)
    errors.verify_token({"s3cret": {"permissions": []}}.get)

    @app.before_request
    def only_with_a_header() -> None:
        if request.headers.get("X-Office") != "open":
            abort(403)

    app.add_url_rule("/x", "x", requires_json(lambda: ""), methods=["POST"])
    plain = audit(app)
    assert {finding.rule for finding in plain} == {"content-type-ignored", "json-taken"}
    assert not audit(app, credentials={"X-Office": "open"})


def needs_body(view: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if not request.get_data():
            abort(428)
        return abort(422)

    return wrapper


def test_a_decorator_that_refuses_a_body_disguises_no_crash() -> None:
    app = Flask("app")
    ApiErrors(app)
    app.add_url_rule("/x", "x", needs_body(lambda: ""), methods=["POST"])
    assert not audit(app)


def test_a_decorator_above_a_guard_may_refuse_first() -> None:
    app = Flask("app")
    errors = ApiErrors(app)
    errors.verify_token(lambda token: None)
    app.add_url_rule("/x", "x", needs_body(requires_auth(lambda: "")), methods=["POST"])
    assert not audit(app)


def test_a_url_is_unknown_only_if_no_method_has_a_route_there() -> None:
    app = Flask("app")
    ApiErrors(app)
    app.add_url_rule("/x", "x", lambda: "", methods=["POST"])
    app.add_url_rule("/x/<name>", "named", lambda name: "")
    app.add_url_rule("/x/<name>/y/", "y", lambda name: "")
    assert not audit(app)


def test_a_more_general_rule_may_have_the_other_methods() -> None:
    app = Flask("app")
    ApiErrors(app)
    app.add_url_rule("/x/test", "test", lambda: "", methods=["POST"])
    app.add_url_rule("/x/<name>", "named", lambda name: "", methods=["GET", "DELETE"])
    assert not audit(app)


def test_a_preflight_may_be_refused_without_cors() -> None:
    app, _ = right_app()
    app.before_request(refuse_preflights)
    assert not audit(app)


def test_a_challenge_may_blame_a_token_in_a_cookie() -> None:
    app = Flask("app")
    ApiErrors(app)

    @app.before_request
    def read_cookie() -> None:
        raise InvalidToken if "session" in request.cookies else Unauthorized

    scheme = {"type": "apiKey", "in": "cookie", "name": "session"}
    mark = Mark("own", statuses=(401,), authenticates=True, security={"session": scheme})
    app.add_url_rule("/x", "x", guard(lambda: "", mark))
    assert not audit(app)


def test_an_endpoint_that_one_method_reaches_is_not_skipped() -> None:
    app = Flask("app")
    ApiErrors(app)
    for name, method in (("first", "GET"), ("second", "POST")):
        app.add_url_rule("/x", name, lambda: "", methods=[method, "OPTIONS"])
    assert audit(app).skipped == ()


def test_a_report_has_no_credentials_of_the_author() -> None:
    app, _ = right_app()

    @app.get("/crash")
    def crash() -> Any:
        raise LookupError

    (finding, *_) = audit(app, credentials={"Authorization": "Bearer s3cret"})
    assert finding.request == "curl -i -X GET -H 'Authorization: ***' http://localhost/crash"


def test_a_report_shows_the_first_line_with_text() -> None:
    app, _ = right_app()
    page = Response("\n\n  <h1>No</h1>\n", 404, content_type="text/html")
    app.register_error_handler(404, lambda error: page)
    assert audit(app)[0].response == "404 <h1>No</h1>"


def test_an_audit_leaves_the_app_as_it_was() -> None:
    app, errors = right_app(TESTING=True)
    audit(app)
    assert app.testing
    assert errors.limiter.enabled
    client = app.test_client()
    assert [client.get("/vessels/7").status_code for _ in range(4)] == [200, 200, 200, 429]
    assert client.post("/vessels", json={}).status_code == 401
    assert app.logger.filters == []


def test_the_crashes_of_an_audit_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    app, _ = right_app()
    audit(app)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_an_app_without_the_extension_is_refused() -> None:
    with pytest.raises(RuntimeError, match=r"This app has no ApiErrors\. Call ApiErrors\(app\)"):
        audit(Flask("app"))


def test_the_example_keeps_all_promises() -> None:
    pytest.importorskip("apispec")
    pytest.importorskip("jwt")
    from example_app import create_app

    report = audit(create_app())
    assert not report, report
