"""Bodies: a ``Problem`` as the plain JSON object, and as RFC 9457."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import FieldError, Problem, status_title, status_type


def plain(problem: Problem, members: tuple[str, ...]) -> dict[str, Any]:
    """The members that the administrator chose; those that say nothing are left out."""
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
    """The members of RFC 9457 section 3.1, then ``errors``, ``request_id`` and the author's own."""
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
    """RFC 9457 ``type``: the page that explains it; without one ``about:blank`` for a bare status, else a URN."""
    if ":" in problem.type:
        return problem.type
    if problem.documentation:
        return problem.documentation
    if problem.type == status_type(problem.status) and problem.title == status_title(
        problem.status
    ):
        return "about:blank"
    return f"urn:problem-type:{problem.type}"


def error_list(problem: Problem) -> list[Mapping[str, Any]]:
    """The ``errors`` member."""
    return [error.to_dict() if isinstance(error, FieldError) else error for error in problem.errors]
