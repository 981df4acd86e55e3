"""A ``Problem`` becomes a body: the plain JSON object, or that of RFC 9457."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import FieldError, Problem, status_title, status_type


def plain(problem: Problem, members: tuple[str, ...]) -> dict[str, Any]:
    """Return the members that the administrator chose, without those that are empty."""
    values = {
        "error": problem.detail,
        "status": problem.status,
        "type": problem.type,
        "title": problem.title,
        "errors": error_list(problem),
        "request_id": problem.request_id,
        "documentation": problem.documentation,
    }
    return {name: values[name] for name in members if values[name]}


def problem_json(problem: Problem) -> dict[str, Any]:
    """Return the members of RFC 9457 section 3.1, and ``errors`` and ``request_id``.

    An extension never replaces one of them.
    """
    members = {
        "type": type_uri(problem),
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": problem.instance,
        "errors": error_list(problem),
        "request_id": problem.request_id,
    }
    body = {name: value for name, value in members.items() if value}
    return body | {name: value for name, value in problem.extensions.items() if name not in body}


def type_uri(problem: Problem) -> str:
    """Return the ``type`` of RFC 9457: the page that explains it, if there is one.

    Without a page, it is ``about:blank`` for a bare status, and a URN for everything else.
    """
    if ":" in problem.type:
        return problem.type
    if problem.documentation:
        return problem.documentation
    of_status = status_type(problem.status), status_title(problem.status)
    if (problem.type, problem.title) == of_status:
        return "about:blank"
    return f"urn:problem-type:{problem.type}"


def error_list(problem: Problem) -> list[Mapping[str, Any]]:
    """Return the ``errors`` member."""
    return [error.to_dict() if isinstance(error, FieldError) else error for error in problem.errors]
