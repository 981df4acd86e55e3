"""Schemathesis finds no answer of the example that ``/openapi.json`` does not describe."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("apispec")
pytest.importorskip("jwt")
pytest.importorskip("schemathesis", reason="needs Python 3.11")

from example_app import create_app
from tests.conftest import serving

COMMAND = (sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()")
AUTHENTICATION = """
[auth.openapi.Bearer]
bearer = "{token}"
[auth.openapi.Basic]
username = "bridge"
password = "bridge-secret"
"""

#: A rule that no schema has, such as `from` before `to`, can refuse what the schemas allow.
MOST_CHECKS = ("--exclude-checks", "positive_data_acceptance")
#: The checks for an API that refuses most requests because of its limits.
CONFORMANCE = (
    "--checks",
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_headers_conformance,response_schema_conformance,unsupported_method,"
    "allow_header_conformance",
)
Explore = Callable[..., None]


@contextmanager
def running(path: Path, **config: Any) -> Iterator[tuple[str, str]]:
    """Run the example on a free port. Return its URL and a token."""
    app = create_app({"DATABASE": str(path / "telemetry.sqlite"), **config})
    response = app.test_client().post(
        "/token", auth=("bridge", "bridge-secret"), headers={"Accept": "text/plain"}
    )
    with serving(app) as address:
        yield address, response.text


@pytest.fixture
def explore(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Explore:
    """Let Schemathesis send the same requests to all operations each time, and find nothing."""
    monkeypatch.setattr(logging.getLogger("werkzeug"), "disabled", True)

    def run(*options: str, examples: int, **config: Any) -> None:
        with running(tmp_path, **config) as (url, token):
            (tmp_path / "schemathesis.toml").write_text(AUTHENTICATION.format(token=token))
            bounds = (
                "--seed",
                "1",
                "--max-examples",
                str(examples),
                "--generation-database",
                "none",
                "--continue-on-failure",
            )
            line = (*COMMAND, "run", f"{url}/openapi.json", *bounds, "--no-color", *options)
            result = subprocess.run(
                line, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
            )
        assert result.returncode == 0, result.stdout[-6_000:] + result.stderr[-2_000:]
        assert "Tested: 8" in result.stdout

    return run


@pytest.mark.standard("schemathesis")
def test_schemathesis_finds_nothing(explore: Explore) -> None:
    explore(*MOST_CHECKS, examples=12, RATELIMIT_ENABLED=False)


def test_schemathesis_finds_nothing_in_problem_json(explore: Explore) -> None:
    accept = ("--header", "Accept: application/json, application/problem+json")
    options = (*MOST_CHECKS, *accept, "--phases", "coverage,fuzzing")
    explore(*options, examples=4, RATELIMIT_ENABLED=False)


def test_schemathesis_finds_nothing_beyond_the_rate_limits(explore: Explore) -> None:
    limits = {"*": "1/minute", "tokens.create": "2/minute"}
    explore(*CONFORMANCE, "--phases", "coverage,fuzzing", examples=4, APIERRORS_RATE_LIMITS=limits)
