from __future__ import annotations

from typing import Any

import pytest

from flask_apierrors._core.config import MEMBERS
from flask_apierrors._core.errors import FieldError, Problem
from flask_apierrors._core.formats import error_list, plain, problem_json, type_uri

PROBLEM = Problem(
    404,
    "vessel-not-found",
    "Vessel not found",
    "No vessel 9.",
    errors=(FieldError("no", pointer="#/imo"), {"code": 7}),
    extensions={"domain": "north"},
    instance="/vessels/9",
    request_id="abc",
    documentation="/errors/vessel-not-found",
)
BARE = Problem(404, "not-found", "Not Found", "No.")


def test_the_plain_body_is_only_the_sentence() -> None:
    assert plain(PROBLEM, ("error",)) == {"error": "No vessel 9."}


def test_the_plain_body_has_the_chosen_members_in_their_order() -> None:
    body = plain(PROBLEM, MEMBERS)
    assert list(body) == list(MEMBERS)
    assert body == {
        "error": "No vessel 9.",
        "status": 404,
        "type": "vessel-not-found",
        "title": "Vessel not found",
        "errors": [{"detail": "no", "pointer": "#/imo"}, {"code": 7}],
        "request_id": "abc",
        "documentation": "/errors/vessel-not-found",
    }


def test_empty_members_are_left_out() -> None:
    assert plain(BARE, MEMBERS) == {
        "error": "No.",
        "status": 404,
        "type": "not-found",
        "title": "Not Found",
    }
    assert problem_json(BARE) == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "No.",
    }


def test_problem_json_has_the_members_of_rfc_9457_and_those_of_the_author() -> None:
    assert problem_json(PROBLEM) == {
        "type": "/errors/vessel-not-found",
        "title": "Vessel not found",
        "status": 404,
        "detail": "No vessel 9.",
        "instance": "/vessels/9",
        "errors": [{"detail": "no", "pointer": "#/imo"}, {"code": 7}],
        "request_id": "abc",
        "domain": "north",
    }


def test_an_extension_never_replaces_a_standard_member() -> None:
    hostile: dict[str, Any] = dict.fromkeys(problem_json(PROBLEM), "mine")
    body = problem_json(PROBLEM._replace(extensions=hostile))
    assert body == {
        name: value for name, value in problem_json(PROBLEM).items() if name != "domain"
    } | {"domain": "mine"}


@pytest.mark.parametrize(
    ("problem", "uri"),
    [
        (BARE, "about:blank"),
        (BARE._replace(title="Mine"), "urn:problem-type:not-found"),
        (BARE._replace(type="vessel-not-found"), "urn:problem-type:vessel-not-found"),
        (BARE._replace(documentation="/errors/not-found"), "/errors/not-found"),
        (PROBLEM, "/errors/vessel-not-found"),
        (PROBLEM._replace(type="https://example.com/x"), "https://example.com/x"),
        (PROBLEM._replace(type="urn:x:y", documentation=None), "urn:x:y"),
    ],
)
def test_the_type_is_a_page_a_urn_or_about_blank(problem: Problem, uri: str) -> None:
    assert type_uri(problem) == uri


def test_the_error_list_contains_mappings() -> None:
    assert error_list(BARE) == []
    assert error_list(PROBLEM) == [{"detail": "no", "pointer": "#/imo"}, {"code": 7}]
