"""A guarded API under gunicorn, with tokens, keys and a session at once: ``make test-browser``."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def api(script: Any) -> Iterator[str]:
    """Run the API with two workers. Return its address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        place = f"fd://{listener.fileno()}"
        command = [sys.executable, "-m", "gunicorn", "--bind", place, "--workers", "2"]
        process = subprocess.Popen(
            [*command, "--chdir", str(HERE / "apps"), "harbour:create_app()"],
            env={**os.environ, "SITE": script.origin},
            pass_fds=[listener.fileno()],
        )
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        process.terminate()
        assert process.wait(10) == 0


def call(url: str, method: str = "GET", **fields: str) -> tuple[int, Any, list[str]]:
    """Call the API as a program does. Return the status, the body and the challenges."""
    headers = {name.replace("_", "-"): value for name, value in fields.items()}
    request = urllib.request.Request(url, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, json.load(response), []
    except urllib.error.HTTPError as refusal:
        with refusal:
            challenges = refusal.headers.get_all("WWW-Authenticate") or []
            return refusal.code, json.load(refusal), challenges


def test_only_two_endpoints_are_open(api: str) -> None:
    assert call(f"{api}/health")[0] == 200
    for method, path in (("GET", "/me"), ("POST", "/berths")):
        status, body, challenges = call(f"{api}{path}", method)
        assert status == 401
        assert set(body) == {"error"}
        schemes = [challenge.split(" ")[0] for challenge in challenges]
        assert schemes[0] == "Bearer"
        assert len(schemes) >= 2
    assert call(f"{api}/nowhere")[0] == 404


def test_a_program_with_a_token(api: str) -> None:
    token = {"Authorization": "Bearer t0ken"}
    assert call(f"{api}/me", **token)[:2] == (200, {"sub": "pilot"})
    assert call(f"{api}/berths", "POST", **token)[:2] == (200, {"booked_by": "pilot"})
    status, body, (challenge, *_) = call(f"{api}/me", Authorization="Bearer forged")
    assert (status, 'error="invalid_token"' in challenge) == (401, True)
    assert "token" in body["error"]


def test_a_program_with_a_key(api: str) -> None:
    assert call(f"{api}/me", X_API_Key="k3y")[:2] == (200, {"sub": "crane"})
    assert call(f"{api}/berths", "POST", X_API_Key="k3y")[0] == 403
    status, body, _ = call(f"{api}/me", X_API_Key="forged")
    assert status == 401
    assert "key" in body["error"].lower()


def test_a_browser_with_a_session_then_with_a_token(script: Any, api: str) -> None:
    as_json = {"Content-Type": "application/json"}

    def fetch(path: str, method: str = "POST", **options: Any) -> tuple[int, Any]:
        status, text = script.fetch(f"{api}{path}", method=method, credentials="include", **options)
        return status, json.loads(text)

    assert fetch("/me", "GET")[0] == 401
    assert fetch("/berths", headers=as_json, body="{}")[0] == 401
    wrong = fetch("/login", headers=as_json, body='{"password": "guess"}')
    assert wrong == (401, {"error": "The password is wrong."})
    assert fetch("/login", headers=as_json, body='{"password": "s3cret"}') == (200, {})
    assert fetch("/me", "GET") == (200, {"sub": "sailor"})
    assert fetch("/berths", headers=as_json, body="{}") == (200, {"booked_by": "sailor"})
    token = {"Authorization": "Bearer t0ken"}
    assert fetch("/berths", headers=token) == (200, {"booked_by": "pilot"})
    key = {"X-API-Key": "k3y"}
    assert fetch("/berths", headers=key)[0] == 403
    forged = fetch("/me", "GET", headers={"Authorization": "Bearer forged"})
    assert forged[0] == 401, "credentials that were sent decide, whoever has a session"


def test_the_doctor_finds_nothing(script: Any) -> None:
    command = [sys.executable, "-m", "flask", "--app", "harbour", "apierrors", "doctor"]
    environ = {**os.environ, "SITE": script.origin, "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    done = subprocess.run(
        command,
        cwd=HERE / "apps",
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "Nothing found.\n")
