"""A ``Problem`` becomes a body: the plain JSON object, or that of RFC 9457."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .errors import ABOUT_BLANK, FieldError, Problem, status_title


def plain(problem: Problem, members: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return the members that the administrator chose. Facts that are empty are left out.

    :param members: The name of each member, and a fact or a constant that is no text. The fact
        ``extensions`` under its own name means the author's members themselves.
    """
    body: dict[str, Any] = {}
    inline: dict[str, Any] = {}
    facts = facts_of(problem)
    for name, fact in members:
        if not isinstance(fact, str):
            body[name] = fact
        elif fact == name == "extensions":
            inline.update(problem.extensions)
        elif facts[fact]:
            body[name] = facts[fact]
    return body | {name: value for name, value in inline.items() if name not in body}


def facts_of(problem: Problem) -> dict[str, Any]:
    """Return what a plain body can tell, by the names that ``APIERRORS_MEMBERS`` takes."""
    delays = [value for name, value in problem.headers if name.lower() == "retry-after"]
    return {
        "error": problem.detail,
        "status": problem.status,
        "code": problem.code,
        "type": problem.type,
        "title": problem.title,
        "errors": error_list(problem),
        "request_id": problem.request_id,
        "documentation": problem.documentation,
        "retry_after": int(delays[0]) if delays and delays[0].isdecimal() else None,
        "extensions": problem.extensions,
    }


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
