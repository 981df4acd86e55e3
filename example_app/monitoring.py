"""A line in the log for every error that a client gets, raised or returned."""

from __future__ import annotations

from typing import Any

from flask import Flask

from flask_apierrors import Problem, error_answered


def init_app(app: Flask) -> None:
    app.logger.setLevel("INFO")
    error_answered.connect(log, app)


def log(app: Flask, problem: Problem, **_: Any) -> None:
    """Log the code and the request ID, by which a client can ask about the error."""
    app.logger.info("%s %s: %s", problem.status, problem.code, problem.instance)
