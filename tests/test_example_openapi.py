"""Promises of the example's ``/openapi.json``: its errors are those that the example answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from werkzeug.test import TestResponse

pytest.importorskip("apispec")
pytest.importorskip("jwt")

from example_app import create_app
from tests.documents import Json, resolved

#: Method, path template, status, type.
Error = tuple[str, str, int, str]

BOTH = "application/json, application/problem+json"
RPM = "/measurements/engine/aurora/port/rpm"
STATISTICS = "/statistics/engine/aurora/port/rpm"
SINGLE = "?from=2025-05-21&to=2025-05-21T00:01:00Z"
ANNOTATION = {
    "series": "engine/aurora/port/rpm",
    "time": "2025-05-21T10:00:00Z",
    "text": "Oil changed.",
}
GUARDED = (
    ("GET", RPM),
    ("GET", STATISTICS),
    ("GET", "/annotations"),
    ("POST", "/annotations"),
    ("DELETE", f"/annotations/{uuid4()}"),
)
ALL = (
    *GUARDED,
    ("POST", "/token"),
    ("GET", "/health"),
    ("GET", "/openapi.json"),
    ("GET", "/"),
)

#: Documented errors that no test can provoke.
WITH_A_REASON = {
    ("POST", "/token", 413, "request-entity-too-large"): "it reads no body yet",
}
CRASH = (500, "internal-server-error")  # it takes a bug


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("store") / "telemetry.sqlite")


@pytest.fixture(scope="module")
def app(database: str) -> Flask:
    return create_app(
        {"DATABASE": database, "RATELIMIT_DEFAULT": "1000 per minute", "RATELIMIT_ENABLED": False}
    )


@pytest.fixture(scope="module")
def limited(database: str) -> Flask:
    return create_app({"DATABASE": database})


@pytest.fixture(scope="module")
def document(limited: Flask) -> Json:
    document: Any = limited.test_client().get("/openapi.json").json
    return dict(document)


@pytest.fixture(scope="module")
def tokens(app: Flask) -> dict[str, str]:
    client = app.test_client()
    accept = {"Accept": "text/plain"}
    return {
        name: client.post("/token", auth=(name, f"{name}-secret"), headers=accept).text
        for name in ("bridge", "kiosk")
    }


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, item in document["paths"].items():
        for method in item.keys() & {"get", "post", "put", "patch", "delete"}:
            yield method.upper(), path, resolved(item[method], document)


def type_name(uri: str) -> str:
    return uri.rpartition("/")[2]


def documented(document: Json) -> set[Error]:
    errors = set()
    for method, path, operation in operations(document):
        for status, response in operation["responses"].items():
            if status >= "400":
                _, narrowed = response["content"]["application/problem+json"]["schema"]["allOf"]
                errors |= {
                    (method, path, int(status), type_name(uri))
                    for uri in narrowed["properties"]["type"]["enum"]
                }
    return errors


def template(path: str, document: Json) -> str:
    path = path.partition("?")[0]
    names: list[str] = sorted(document["paths"], key=lambda name: name.count("{"))
    return next(
        name
        for name in names
        if re.fullmatch(
            re.sub(r"{(expression)}", ".+", re.sub(r"{(domain|id)}", "[^/]+", name)), path
        )
    )


# -- the document


def test_the_document_is_openapi(document: Json) -> None:
    assert document["openapi"] == "3.1.0"
    validate(document)


def test_every_endpoint_is_described(limited: Flask, document: Json) -> None:
    routed = set()
    for rule in limited.url_map.iter_rules():
        if rule.endpoint != "static" and not rule.rule.startswith("/errors"):
            path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
            routed |= {(method, path) for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}}
    assert {(method, path) for method, path, _ in operations(document)} == routed


def test_success_is_described(app: Flask, document: Json, tokens: dict[str, str]) -> None:
    client = app.test_client()
    created = client.post(
        "/annotations", json=ANNOTATION, headers={"Authorization": f"Bearer {tokens['bridge']}"}
    )
    assert created.status_code == 201
    for method, url in [
        *ALL[:3],
        ("GET", RPM + "?limit=3"),
        ("DELETE", created.location),
        *ALL[5:],
    ]:
        auth = ("bridge", "bridge-secret") if url == "/token" else None
        answer = client.open(
            url,
            method=method,
            auth=auth,
            headers={} if auth else {"Authorization": f"Bearer {tokens['bridge']}"},
        )
        described = resolved(document["paths"][template(url, document)][method.lower()], document)[
            "responses"
        ]
        assert str(answer.status_code) in described
        if answer.is_json and answer.status_code == 200:
            Draft202012Validator(
                described["200"]["content"]["application/json"]["schema"]
            ).validate(answer.json)


# -- what the OWASP rules for Spectral demand


@pytest.mark.standard("openapi-429", "openapi-400", "openapi-401")
@pytest.mark.xfail(reason="an operation only declares what it can answer.")
@pytest.mark.parametrize("status", ["429", "400", "401"])
def test_every_operation_documents_each_error(document: Json, status: str) -> None:
    assert all(status in operation["responses"] for _, _, operation in operations(document))


@pytest.mark.standard("openapi-rate-limit")
@pytest.mark.xfail(reason="an operation without a limit has no such fields.")
def test_every_operation_has_the_fields_of_a_limit(document: Json) -> None:
    for _, _, operation in operations(document):
        for status, response in operation["responses"].items():
            assert status >= "500" or "RateLimit" in response.get("headers", {})


@pytest.mark.standard("openapi-retry-after")
def test_the_429_of_a_limited_operation_has_its_fields_and_the_delay(document: Json) -> None:
    for method, path, operation in operations(document):
        if path == "/health":  # has no limit
            assert "429" not in operation["responses"]
            continue
        limited = [
            status
            for status, response in operation["responses"].items()
            if "RateLimit" in response["headers"]
        ]
        assert limited == ["429"], (method, path)
        assert operation["responses"]["429"]["headers"]["Retry-After"]["required"]


@pytest.mark.standard("openapi-content")
def test_errors_have_content(document: Json) -> None:
    for method, path, operation in operations(document):
        for status, response in operation["responses"].items():
            if status >= "400":
                assert response["content"].keys() == {
                    "application/json",
                    "application/problem+json",
                }, (method, path, status)


@pytest.mark.standard("openapi-500")
def test_each_operation_documents_a_crash_and_each_guarded_one_a_401(document: Json) -> None:
    for _, _, operation in operations(document):
        assert "500" in operation["responses"]
        assert ("401" in operation["responses"]) == ("security" in operation)


def test_an_operation_with_parameters_documents_a_400(document: Json) -> None:
    for _, _, operation in operations(document):
        takes = "requestBody" in operation or operation["parameters"] != []
        assert ("400" in operation["responses"]) == takes


# -- documented errors and provoked errors are the same


def observed(answer: TestResponse, document: Json) -> Error:
    """The error in an answer, which must match the document."""
    method, path = answer.request.method, template(answer.request.path, document)
    item = document["paths"][path]
    if answer.status_code == 405:
        response = resolved(item["x-method-not-allowed"], document)
    else:
        response = resolved(item[method.lower()]["responses"][str(answer.status_code)], document)
    assert answer.mimetype == "application/problem+json"
    Draft202012Validator(response["content"][answer.mimetype]["schema"]).validate(answer.json)
    assert all(
        name in answer.headers for name, header in response["headers"].items() if header["required"]
    )
    assert {*answer.headers.keys()} <= {*response["headers"], "Content-Type", "Content-Length"}
    problem: Any = answer.json
    return method, path, answer.status_code, type_name(problem["type"])


def ask(
    app: Flask, method: str, url: str, token: str | None = None, accept: str = BOTH, **options: Any
) -> TestResponse:
    headers = {"Accept": accept, **options.pop("headers", {})}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    return app.test_client().open(url, method=method, headers=headers, **options)


def refusals(app: Flask, tokens: dict[str, str]) -> Iterator[TestResponse]:
    """The answers to what a client can do wrong at each endpoint."""
    bridge = tokens["bridge"]
    for method, url in GUARDED:
        yield ask(app, method, url)
        yield ask(app, method, url, "not.a.token")
        yield ask(app, method, url, tokens["kiosk"])
        yield ask(app, method, url, headers={"X-API-Key": "guessed"})
    for method, url in GUARDED[:4]:
        body: dict[str, Any] = {"json": ANNOTATION} if method == "POST" else {}
        yield ask(app, method, url, bridge, "application/problem+json", **body)
    for _, url in GUARDED[:3]:
        yield ask(app, "GET", url + "?from=yesterday", bridge)
    yield ask(app, "GET", "/measurements/engine/titanic/port/rpm", bridge)
    yield ask(app, "GET", "/statistics/engine/titanic/port/rpm", bridge)
    yield ask(app, "GET", STATISTICS + SINGLE, bridge)
    yield ask(app, "POST", "/annotations", bridge, json={})
    yield ask(app, "POST", "/annotations", bridge, data=b"{", content_type="application/json")
    yield ask(app, "POST", "/annotations", bridge, data=b"hello", content_type="text/plain")
    yield ask(
        app, "POST", "/annotations", bridge, data=b"x" * 70_000, content_type="application/json"
    )
    yield ask(app, "DELETE", f"/annotations/{uuid4()}", bridge)
    yield ask(app, "DELETE", "/annotations/first", bridge)
    yield ask(app, "POST", "/token")
    yield ask(app, "POST", "/token", auth=("bridge", "guessed"))
    client = ("bridge", "bridge-secret")
    yield ask(app, "POST", "/token", auth=client, accept="application/problem+json")


def outages(app: Flask, token: str) -> Iterator[TestResponse]:
    """The answers of the endpoints that need the store, while it is gone."""
    store = Path(app.config["DATABASE"])
    away = store.rename(store.with_suffix(".away"))
    try:
        for method, url in (*GUARDED, ("GET", "/health")):
            body: dict[str, Any] = {"json": ANNOTATION} if method == "POST" else {}
            yield ask(app, method, url, token, **body)
    finally:
        away.rename(store)


def excesses(database: str, token: str) -> Iterator[TestResponse]:
    """The answers of the limited endpoints to one request too many."""
    app = create_app(
        {"DATABASE": database, "APIERRORS_RATE_LIMITS": {"*": "1/hour", "health.check": None}}
    )
    for method, url in ALL:
        if url != "/health":
            ask(app, method, url, token)
            yield ask(app, method, url, token)


@pytest.fixture(scope="module")
def provoked(app: Flask, database: str, document: Json, tokens: dict[str, str]) -> set[Error]:
    answers = [
        *refusals(app, tokens),
        *outages(app, tokens["bridge"]),
        *excesses(database, tokens["bridge"]),
    ]
    return {observed(answer, document) for answer in answers}


def test_every_provoked_error_is_documented(provoked: set[Error], document: Json) -> None:
    assert provoked <= documented(document)


def test_every_documented_error_can_be_provoked_or_has_a_reason(
    provoked: set[Error], document: Json
) -> None:
    expected = {error for error in documented(document) - provoked if error[2:] != CRASH}
    assert expected == WITH_A_REASON.keys()


def test_every_path_answers_its_other_methods_as_documented(app: Flask, document: Json) -> None:
    for _, url in ALL:
        _, path, status, type_ = observed(ask(app, "PATCH", url), document)
        assert (status, type_) == (405, "method-not-allowed"), path
