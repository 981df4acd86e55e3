"""A ``Problem`` becomes a body: the plain JSON object, or that of RFC 9457."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import ABOUT_BLANK, FieldError, Problem, status_title


def plain(problem: Problem, members: tuple[str, ...]) -> dict[str, Any]:
    """Return the members that the administrator chose, without those that are empty."""
    values = {
        "error": problem.detail,
        "status": problem.status,
        "code": problem.code,
        "type": problem.type,
        "title": problem.title,
        "errors": error_list(problem),
        "request_id": problem.request_id,
        "documentation": problem.documentation,
    }
    return {name: values[name] for name in members if values[name]}


def problem_json(problem: Problem) -> dict[str, Any]:
    """Return the members of RFC 9457 section 3.1, ``code``, the author's, and ours.

    The author's ``code`` replaces the one that was made for the error. No other member of this
    package is replaced.
    """
    # A problem that says no more than its status has the title of its status (section 4.2.1).
    is_bare = problem.type == ABOUT_BLANK
    members = {
        "type": problem.type,
        "title": status_title(problem.status) if is_bare else problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": problem.instance,
        "code": problem.code,
        "errors": error_list(problem),
        "request_id": problem.request_id,
    }
    body = {name: value for name, value in members.items() if value}
    return body | {
        name: value
        for name, value in problem.extensions.items()
        if name == "code" or name not in body
    }


def error_list(problem: Problem) -> list[Mapping[str, Any]]:
    """Return the ``errors`` member."""
    return [error.to_dict() if isinstance(error, FieldError) else error for error in problem.errors]
