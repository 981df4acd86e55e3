from __future__ import annotations

import random
from typing import Any

import pytest
from flask import Flask

from flask_apierrors import ApiErrors, Mark, guard
from flask_apierrors._catalogue.routes import routes_of
from flask_apierrors._testing.probes import Probe, probes_of
from flask_apierrors._testing.requests import Url
from flask_apierrors._testing.rules import SECRET


def probes(view: Any, writes: bool = False, method: str = "POST") -> list[Probe]:
    app = Flask("app")
    ApiErrors(app)
    app.add_url_rule("/x", "x", view, methods=[method])
    (route,) = routes_of(app.extensions["apierrors"])
    url = Url("/x", "/x/none", ("BREW",))
    return list(probes_of(route, url, writes, random.Random(0)))


def guarded(scheme: dict[str, str]) -> Any:
    mark = Mark("own", statuses=(401,), authenticates=True, security={"own": scheme})
    return guard(lambda: "ok", mark)


@pytest.mark.parametrize(
    ("scheme", "headers", "query"),
    [
        ({"type": "http", "scheme": "bearer"}, {"Authorization": f"Bearer {SECRET}"}, b""),
        (
            {"type": "http", "scheme": "basic"},
            {"Authorization": "Basic YXVkaXQ6czNjcjN0LTBmLXRoMy1hdWQxdA=="},
            b"",
        ),
        ({"type": "apiKey", "in": "header", "name": "X-Key"}, {"X-Key": SECRET}, b""),
        ({"type": "apiKey", "in": "cookie", "name": "key"}, {"Cookie": f"key={SECRET}"}, b""),
        ({"type": "apiKey", "in": "query", "name": "key"}, {}, f"key={SECRET}".encode()),
    ],
)
def test_bad_credentials_are_those_of_the_scheme(
    scheme: dict[str, str], headers: dict[str, str], query: bytes
) -> None:
    sent = [
        (dict(probe.headers), probe.query)
        for probe in probes(guarded(scheme))
        if probe.rule.name == "guard-open"
    ]
    assert sent == [({}, b""), (headers, query)]


def test_only_views_that_read_run_unless_the_author_asks() -> None:
    assert {probe.target for probe in probes(lambda: "")} == {"stub", "crash"}
    assert {probe.target for probe in probes(lambda: "", writes=True)} == {"stub", "crash", "view"}
    assert "view" in {probe.target for probe in probes(lambda: "", method="GET")}


def test_the_same_seed_sends_the_same_requests() -> None:
    view = guarded({})
    assert probes(view, writes=True) == probes(view, writes=True)
