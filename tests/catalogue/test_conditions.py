"""Conditions that hold for every request to an endpoint, or for none."""

from __future__ import annotations

import ast

import pytest

from flask_apierrors._catalogue.conditions import facts_of, truth_of
from flask_apierrors._catalogue.scopes import Scope

PUBLIC = ("login", "health")
NUMBERS = (1, 2)


def view() -> None: ...


@pytest.mark.parametrize(
    ("condition", "truth"),
    [
        ("request.method == 'POST'", True),
        ("flask.request.method == 'GET'", False),
        ("request.method != 'GET'", True),
        ("request.method in ('POST', 'PUT')", True),
        ("request.method in ['GET']", False),
        ("request.endpoint not in PUBLIC", True),
        ("request.endpoint in {'vessels.book', *PUBLIC}", None),
        ("request.endpoint in NUMBERS", None),
        ("request.endpoint.startswith('vessels.')", True),
        ("request.endpoint.startswith(PUBLIC)", False),
        ("request.endpoint.startswith(prefix)", None),
        ("request.blueprint == 'vessels'", True),
        ("request.blueprint is None", None),
        ("request.method < 'POST'", None),
        ("not request.method == 'POST'", False),
        ("not user", None),
        ("request.method == 'GET' and user", False),
        ("request.method == 'POST' and user", None),
        ("request.method == 'POST' or user", True),
        ("request.method == 'GET' or request.method == 'PUT'", False),
        ("request.path == '/'", None),
        ("request.path.startswith('/')", None),
        ("request.method == name", None),
        ("user", None),
    ],
)
def test_the_truth_of_a_condition(condition: str, truth: bool | None) -> None:
    (node,) = ast.parse("def view(): ...").body
    assert isinstance(node, ast.FunctionDef)
    scope = Scope(view, node, {})  # type: ignore[arg-type]
    facts = facts_of("vessels.book", "POST")
    assert truth_of(ast.parse(condition, mode="eval").body, facts, scope) is truth
