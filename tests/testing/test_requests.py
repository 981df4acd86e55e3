from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from werkzeug.routing import BaseConverter, ValidationError

from flask_apierrors._testing.requests import unknown_url, url_for_route, url_of


class Even(BaseConverter):
    regex = "[02468]+"

    def to_python(self, value: str) -> Any:
        raise LookupError


class Odd(BaseConverter):
    def to_python(self, value: str) -> int:
        if value != "abcdefgh":
            raise ValidationError
        return 1


class Impossible(BaseConverter):
    regex = "z{40}"


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ("/x", "/x"),
        ("/x/<name>", "/x/1"),
        ("/x/<int:number>", "/x/1"),
        ("/x/<float:number>", "/x/1.5"),
        ("/x/<uuid:key>/<path:rest>", "/x/00000000-0000-4000-8000-000000000000/1"),
        ("/x/<any(csv, json):kind>", "/x/csv"),
        ("/x/<string(length=2):code>", "/x/AB"),
        ("/x/<int(min=5):number>", None),
        ("/x/<impossible:x>", None),
        ("/x/<even:x>", None),
        ("/x/<odd:x>", "/x/abcdefgh"),
    ],
)
def test_a_path_leads_to_its_rule(rule: str, path: str | None) -> None:
    app = Flask("app")
    app.url_map.converters.update(even=Even, odd=Odd, impossible=Impossible)
    app.add_url_rule(rule, "x", lambda **values: "")
    (added,) = app.url_map.iter_rules("x")
    assert url_of(added, "GET", app) == path


def test_a_rule_behind_another_one_has_the_path_that_the_other_refuses() -> None:
    app = Flask("app")
    app.add_url_rule("/x/<int:number>/<part>", "first", lambda number, part: "")
    app.add_url_rule("/x/<name>/<uuid:part>", "second", lambda name, part: "")
    (rule,) = app.url_map.iter_rules("second")
    assert url_of(rule, "GET", app) == "/x/audit/00000000-0000-4000-8000-000000000000"


def test_a_rule_behind_another_one_has_no_path() -> None:
    app = Flask("app")
    app.add_url_rule("/x/<name>", "first", lambda name: "")
    app.add_url_rule("/x/<other>", "second", lambda other: "")
    (rule,) = app.url_map.iter_rules("second")
    assert url_of(rule, "GET", app) is None


def test_a_url_is_unknown_unless_a_rule_takes_it() -> None:
    app = Flask("app")
    app.add_url_rule("/x/", "x", lambda: "")
    assert unknown_url("/x/", "GET", app) == "/x/apierrors-audit"
    app.add_url_rule("/x/<name>", "one", lambda name: "", methods=["POST"])
    assert unknown_url("/x/", "GET", app) == "/x/apierrors-audit/apierrors-audit"
    app.add_url_rule("/x/<path:rest>", "all", lambda rest: "")
    assert unknown_url("/x/", "GET", app) is None


@pytest.mark.parametrize(
    ("methods", "unrouted"),
    [
        (["GET"], ("BREW", "POST")),
        (["GET", "POST"], ("BREW", "PUT")),
        (["GET", "POST", "PUT", "PATCH", "DELETE"], ("BREW",)),
    ],
)
def test_unrouted_methods_are_those_of_no_rule(
    methods: list[str], unrouted: tuple[str, ...]
) -> None:
    app = Flask("app")
    app.add_url_rule("/x/test", "x", lambda: "", methods=["GET"])
    app.add_url_rule("/x/<name>", "named", lambda name: "", methods=methods)
    (rule,) = app.url_map.iter_rules("x")
    url = url_for_route(rule, "GET", app)
    assert url is not None
    assert url.unrouted == unrouted
