"""The problems of the errors that apps in this process answered, by request ID."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from flask import Flask

from .._core.errors import Problem
from .._core.signals import error_answered
from .answer import Answer

#: More than a test looks at.
_MOST = 100
_PROBLEMS: OrderedDict[tuple[str, int], Problem] = OrderedDict()


def problem_with(answer: Answer) -> Problem | None:
    """Return the problem that became a response, if an app in this process made it."""
    for _, value in answer.headers:
        problem = _PROBLEMS.get((value, answer.status))
        if problem is not None:
            return problem
    return None


def _remember(app: Flask, *, problem: Problem, **_: Any) -> None:
    if problem.request_id is not None:
        _PROBLEMS[problem.request_id, problem.status] = problem
        if len(_PROBLEMS) > _MOST:
            _PROBLEMS.popitem(last=False)


# Strong, because nothing else refers to the function.
error_answered.connect(_remember, weak=False)
