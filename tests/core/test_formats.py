from __future__ import annotations

from typing import Any

import pytest

from flask_apierrors._core.config import FACTS
from flask_apierrors._core.errors import FieldError, Problem
from flask_apierrors._core.formats import error_list, plain, problem_json

MEMBERS = tuple((fact, fact) for fact in FACTS)
PROBLEM = Problem(
    404,
    "vessel-not-found",
    "Vessel not found",
    "No vessel 9.",
    errors=(FieldError("no", pointer="#/imo"), {"code": 7}),
    headers=(("Retry-After", "30"),),
    extensions={"domain": "north"},
    type="/errors/vessel-not-found",
    instance="/vessels/9#abc",
    request_id="abc",
    documentation="/errors/vessel-not-found",
)
BARE = Problem(404, "not-found", "Not Found", "No.")


def test_the_plain_body_is_only_the_sentence() -> None:
    assert plain(PROBLEM, [("error", "error")]) == {"error": "No vessel 9."}


def test_the_plain_body_has_the_chosen_members_in_their_order() -> None:
    body = plain(PROBLEM, MEMBERS)
    assert list(body) == [*FACTS[:-1], "domain"]
    assert body == {
        "error": "No vessel 9.",
        "status": 404,
        "code": "vessel-not-found",
        "type": "/errors/vessel-not-found",
        "title": "Vessel not found",
        "errors": [{"detail": "no", "pointer": "#/imo"}, {"code": 7}],
        "request_id": "abc",
        "documentation": "/errors/vessel-not-found",
        "retry_after": 30,
        "domain": "north",
    }


def test_empty_members_are_left_out() -> None:
    assert plain(BARE, MEMBERS) == {
        "error": "No.",
        "status": 404,
        "code": "not-found",
        "type": "about:blank",
        "title": "Not Found",
    }
    assert problem_json(BARE) == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "No.",
        "code": "not-found",
    }


def test_problem_json_has_the_members_of_rfc_9457_and_those_of_the_author() -> None:
    assert problem_json(PROBLEM) == {
        "type": "/errors/vessel-not-found",
        "title": "Vessel not found",
        "status": 404,
        "detail": "No vessel 9.",
        "instance": "/vessels/9#abc",
        "code": "vessel-not-found",
        "errors": [{"detail": "no", "pointer": "#/imo"}, {"code": 7}],
        "request_id": "abc",
        "domain": "north",
    }


@pytest.mark.standard("standard-members")
def test_an_extension_replaces_the_code_and_no_standard_member() -> None:
    hostile: dict[str, Any] = dict.fromkeys(problem_json(PROBLEM), "mine")
    body = problem_json(PROBLEM._replace(extensions=hostile))
    assert body == {
        name: value for name, value in problem_json(PROBLEM).items() if name != "domain"
    } | {"domain": "mine", "code": "mine"}


@pytest.mark.standard("about-blank-title")
def test_a_problem_without_a_uri_has_the_title_of_its_status() -> None:
    body = problem_json(PROBLEM._replace(type="about:blank"))
    assert (body["type"], body["title"]) == ("about:blank", "Not Found")
    assert body["code"] == "vessel-not-found"


def test_the_error_list_contains_mappings() -> None:
    assert error_list(BARE) == []
    assert error_list(PROBLEM) == [{"detail": "no", "pointer": "#/imo"}, {"code": 7}]


def test_members_have_the_administrators_names_and_constants() -> None:
    members = (("message", "error"), ("code", "code"), ("success", False), ("more", "extensions"))
    assert plain(PROBLEM, members) == {
        "message": "No vessel 9.",
        "code": "vessel-not-found",
        "success": False,
        "more": {"domain": "north"},
    }


def test_the_authors_members_never_replace_a_chosen_one() -> None:
    problem = BARE._replace(extensions={"error": "mine", "x": 1})
    assert plain(problem, (("extensions", "extensions"), ("error", "error"))) == {
        "error": "No.",
        "x": 1,
    }


def test_a_delay_that_is_a_date_is_no_number_of_seconds() -> None:
    problem = BARE._replace(headers=(("Retry-After", "Fri, 27 Nov 2026 08:00:00 GMT"),))
    assert plain(problem, (("error", "error"), ("retry_after", "retry_after"))) == {"error": "No."}
