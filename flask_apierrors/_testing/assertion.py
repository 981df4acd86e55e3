"""``assert_error``: compares a response with the error that a test expects."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from .._core.config import SENTENCE_NAMES
from .._core.errors import ABOUT_BLANK, Problem
from .answer import Answer, answer_of
from .problems import problem_with

#: The value of a header field: a text, a pattern that is searched for, or ``None``: no such field.
Field = str | re.Pattern[str] | None


class Facts(NamedTuple):
    """What a client can read from an error. ``None``: the body does not say it."""

    code: str | None = None
    detail: str | None = None
    errors: tuple[Mapping[str, Any], ...] = ()


def assert_error(
    response: Any,
    status: int,
    code: str | None = None,
    *,
    detail: str | re.Pattern[str] | None = None,
    parameter: str | None = None,
    pointer: str | None = None,
    headers: Mapping[str, Field] | None = None,
) -> None:
    """Assert that a response is an error, in whatever format the app sends it.

    :param response: The response: that of Flask's test client, of requests or of httpx.
    :param status: The status code.
    :param code: The code of the error, such as ``vessel-not-found``. The plain body of an app in
        this process need not have it.
    :param detail: The sentence, or a pattern that is searched for in it.
    :param parameter: The name of a parameter that is invalid.
    :param pointer: The JSON Pointer of a value in the body that is invalid: ``#/items/3/name``.
    :param headers: Header fields: a text, a pattern that is searched for, or ``None`` if the
        response must not have the field.
    :raises AssertionError: if the response is another one. The message shows what was expected and
        what came, and the request.
    :raises TypeError: if ``response`` is none.
    """
    answer = answer_of(response)
    facts = _facts_of(answer)
    lines = list(_compare("status", status, answer.status))
    if code is not None:
        lines += _compare("code", code, facts.code)
    if detail is not None:
        lines += _compare("detail", detail, facts.detail)
    for name, place in (("parameter", parameter), ("pointer", pointer)):
        if place is not None:
            places = [error.get(name) for error in facts.errors]
            lines += _compare(name, place, place if place in places else _listed(places))
    for name, value in (headers or {}).items():
        values = answer.fields(name)
        lines += _compare(name, value, ", ".join(values) if values else None)
    if any(line.startswith("- ") for line in lines):
        raise AssertionError("\n".join(["This is another response:", *lines, "", str(answer)]))


def _compare(name: str, expected: object, value: object) -> Iterator[str]:
    """Yield one line if a value is the expected one, else a line for each of the two."""
    if isinstance(expected, re.Pattern):
        is_right, expected = expected.search(str(value)) is not None, expected.pattern
    else:
        is_right = expected == value
    if is_right:
        yield f"  {name}: {value}"
    else:
        yield f"- {name}: {expected}"
        yield f"+ {name}: {value}"


def _listed(places: list[object]) -> str | None:
    return ", ".join(str(place) for place in places if place is not None) or None


def _facts_of(answer: Answer) -> Facts:
    """Read an error: the problem that the app made of it, else what its body says."""
    problem = problem_with(answer)
    body = answer.json_or(None) if answer.is_json else None
    if problem is not None:
        return _facts_of_problem(problem, answer, body)
    if not isinstance(body, dict):
        return Facts()
    code = body.get("code")
    if code is None and body.get("type", ABOUT_BLANK) != ABOUT_BLANK:
        code = str(body["type"]).rpartition("/")[2].rpartition(":")[2]
    errors = body.get("errors")
    items = errors if isinstance(errors, list) else ()
    return Facts(
        None if code is None else str(code),
        next(iter(_sentences(body)), None),
        tuple(item for item in items if isinstance(item, dict)),
    )


def _facts_of_problem(problem: Problem, answer: Answer, body: Any) -> Facts:
    """Return what a problem says. Its sentence counts only if the body has it, too."""
    texts = [answer.body.decode("utf-8", "replace")] if body is None else _texts(body)
    is_sent = answer.method == "HEAD" or any(problem.detail in text for text in texts)
    errors = [error if isinstance(error, Mapping) else error.to_dict() for error in problem.errors]
    return Facts(problem.code, problem.detail if is_sent else None, tuple(errors))


def _sentences(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield the texts in a body that may be its sentence, the most likely first."""
    for name in SENTENCE_NAMES:
        value = body.get(name)
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            yield from _sentences(value)


def _texts(value: Any) -> Iterator[str]:
    """Yield all texts in a JSON value."""
    if isinstance(value, str):
        yield value
    parts = value.values() if isinstance(value, dict) else value
    for part in parts if isinstance(value, dict | list) else ():
        yield from _texts(part)
