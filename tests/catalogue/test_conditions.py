"""Conditions that hold for every request to an endpoint, or for none."""

from __future__ import annotations

import ast

import pytest

from flask_apierrors._catalogue.conditions import facts_of, truth_of
from flask_apierrors._catalogue.scopes import Scope

PUBLIC = ("login", "health")
NUMBERS = (1, 2)
DEBUG = True
THINGS = (object(),)


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
        ("request.endpoint in NUMBERS", False),
        ("request.endpoint in 5", None),
        ("request.endpoint in THINGS", None),
        ("request.endpoint.startswith('vessels.')", True),
        ("request.endpoint.startswith(PUBLIC)", False),
        ("request.endpoint.startswith(prefix)", None),
        ("request.blueprint == 'vessels'", True),
        ("request.blueprint is None", False),
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
    assert _truth(condition, "vessels.book") is truth


def test_an_endpoint_outside_of_blueprints_has_none() -> None:
    assert _truth("request.blueprint is None", "index") is True
    assert _truth("request.blueprint == 'vessels'", "index") is False
    assert _truth("request.blueprint.startswith('vessels')", "index") is None


@pytest.mark.parametrize(
    ("condition", "truth"),
    [
        ("flag", True),
        ("not flag", False),
        ("nothing", False),
        ("nothing is None", True),
        ("nothing == 'x'", False),
        ("nothing in 'text'", None),
        ("'_' in text", False),
        ("text != 'v'", False),
        ("text in ['v', 'w']", True),
        ("text < 'w'", None),
        ("error is None", False),
        ("error is not None", True),
        ("error", None),
        ("error == NUMBERS", None),
        ("error is True", None),
        ("unknown", None),
        ("unknown is None", None),
        ("DEBUG", None),
        ("NUMBERS == (1, 2)", None),
        ("text == unknown", None),
    ],
)
def test_the_truth_of_a_condition_on_parameters(condition: str, truth: bool | None) -> None:
    arguments = {"flag": True, "nothing": None, "text": "v", "error": KeyError}
    assert _truth(condition, "", **arguments) is truth


def test_the_condition_of_a_parameter_with_another_value_varies() -> None:
    source = "def view(flag):\n    flag = flag and unknown\n    if flag: ..."
    assert _truth("flag", "", source, flag=True) is None


def _truth(
    condition: str,
    endpoint: str,
    source: str = "def view(flag, nothing, text, error, unknown): ...",
    /,
    **arguments: object,
) -> bool | None:
    (node,) = ast.parse(source).body
    assert isinstance(node, ast.FunctionDef)
    scope = Scope(view, node, arguments)  # type: ignore[arg-type]
    expression = ast.parse(condition, mode="eval").body
    return truth_of(expression, facts_of(endpoint, "POST"), scope)
