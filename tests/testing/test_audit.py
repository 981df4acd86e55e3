from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask, abort, request

from flask_apierrors import ApiErrors, requires_json
from flask_apierrors.testing import audit
from tests.testing.apps import FAULTS, right_app


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
    assert {finding.rule for finding in plain} <= {
        "preflight-refused",
        "content-type-ignored",
        "json-taken",
    }
    assert {finding.rule for finding in audit(app, credentials={"X-Office": "open"})} == {
        "preflight-refused"
    }


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
