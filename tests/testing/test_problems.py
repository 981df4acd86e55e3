from __future__ import annotations

from flask import Flask

from flask_apierrors import ApiErrors
from flask_apierrors._testing import problems
from flask_apierrors._testing.answer import answer_of


def test_only_the_last_problems_are_kept() -> None:
    app = Flask("app")
    ApiErrors(app)
    client = app.test_client()
    first = answer_of(client.get("/"))
    assert problems.problem_with(first) is not None
    for _ in range(100):
        client.get("/")
    assert problems.problem_with(first) is None


def test_the_status_belongs_to_the_problem() -> None:
    app = Flask("app")
    ApiErrors(app)
    app.add_url_rule("/ok", "ok", lambda: "ok")
    client = app.test_client()
    headers = {"X-Request-ID": "one"}
    client.get("/", headers=headers)
    assert problems.problem_with(answer_of(client.get("/ok", headers=headers))) is None
