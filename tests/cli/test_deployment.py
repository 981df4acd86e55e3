"""Promises of the deployment: the environment says how many workers and which proxy there are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_apierrors._cli.deployment import Setting, proxy, reads_forwarded, workers


@pytest.fixture(scope="module")
def used_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which each example writes its own ``gunicorn.conf.py``."""
    return tmp_path_factory.mktemp("used")


# -- workers


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WEB_CONCURRENCY", "4"),
        ("UWSGI_PROCESSES", "4"),
        ("UWSGI_WORKERS", "4"),
        ("GUNICORN_CMD_ARGS", "-w 4"),
        ("GUNICORN_CMD_ARGS", "-w4"),
        ("GUNICORN_CMD_ARGS", "--bind 127.0.0.1:80 --workers=4"),
        ("GUNICORN_CMD_ARGS", "--workers 8 '-w' '4'"),
    ],
)
def test_workers_are_read_from_the_environment(name: str, value: str, tmp_path: Path) -> None:
    assert workers({name: value}, tmp_path) == Setting(4, name)
    assert proxy({name: value}, tmp_path) is None


def test_workers_are_read_from_gunicorns_file_without_running_it(tmp_path: Path) -> None:
    (tmp_path / "gunicorn.conf.py").write_text(
        "raise SystemExit\nworkers = 3\nos.name = 'x'\nbind = ['0.0.0.0:80']\n"
    )
    assert workers({}, tmp_path) == Setting(3, "gunicorn.conf.py")
    assert proxy({}, tmp_path) is None


def test_gunicorns_file_is_that_of_the_working_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "gunicorn.conf.py").write_text("workers = 3\nbind = 'unix:app.sock'\n")
    monkeypatch.chdir(tmp_path)
    assert workers({}) == Setting(3, "gunicorn.conf.py")
    assert proxy({}) == Setting("unix:app.sock", "gunicorn.conf.py")


def test_gunicorns_arguments_override_its_file(tmp_path: Path) -> None:
    (tmp_path / "gunicorn.conf.py").write_text("workers = 3\nforwarded_allow_ips = '*'\n")
    environ = {"GUNICORN_CMD_ARGS": "-w 4 --forwarded-allow-ips=10.0.0.1"}
    assert workers(environ, tmp_path) == Setting(4, "GUNICORN_CMD_ARGS")
    assert proxy(environ, tmp_path) == Setting("10.0.0.1", "GUNICORN_CMD_ARGS")


def test_gunicorns_own_settings_override_web_concurrency(tmp_path: Path) -> None:
    (tmp_path / "gunicorn.conf.py").write_text("workers: int = 3\n")
    assert workers({"WEB_CONCURRENCY": "1"}, tmp_path) == Setting(3, "gunicorn.conf.py")
    assert workers({"WEB_CONCURRENCY": "1", "GUNICORN_CMD_ARGS": "-w 4"}, tmp_path) == Setting(
        4, "GUNICORN_CMD_ARGS"
    )


@pytest.mark.parametrize(
    "number", ["9" * 5000, "0x" + "f" * 5000, "1" + "+1" * 20_000, "-" * 100_000 + "1"]
)
def test_an_endless_number_is_ignored(tmp_path: Path, number: str) -> None:
    (tmp_path / "gunicorn.conf.py").write_text(f"workers = bind = forwarded_allow_ips = {number}\n")
    environ = {"UWSGI_WORKERS": number, "GUNICORN_CMD_ARGS": f"-w {number}"}
    assert workers(environ, tmp_path) is None
    assert workers({"WEB_CONCURRENCY": number}, tmp_path) is None
    assert proxy(environ, tmp_path) is None


def test_without_settings_there_are_no_workers_and_no_proxy(tmp_path: Path) -> None:
    assert workers({}, tmp_path) is None
    assert proxy({}, tmp_path) is None


@pytest.mark.parametrize("value", ["many", "", "-1", "²"])
def test_workers_that_are_no_number_are_ignored(value: str, tmp_path: Path) -> None:
    assert workers({"WEB_CONCURRENCY": value}, tmp_path) is None
    assert workers({"GUNICORN_CMD_ARGS": f"--workers={value}"}, tmp_path) is None


def test_gunicorn_arguments_that_cannot_be_parsed_are_ignored(tmp_path: Path) -> None:
    environ = {"GUNICORN_CMD_ARGS": "-w 4 '"}
    assert workers(environ, tmp_path) is None
    assert proxy(environ, tmp_path) is None


@pytest.mark.parametrize("text", ["workers = ", "workers = cpus() * 2", "\0"])
def test_a_gunicorn_file_without_a_number_is_ignored(text: str, tmp_path: Path) -> None:
    (tmp_path / "gunicorn.conf.py").write_text(text)
    assert workers({}, tmp_path) is None
    assert proxy({}, tmp_path) is None


# -- a proxy


@pytest.mark.parametrize(
    ("name", "value", "indicated"),
    [
        ("FORWARDED_ALLOW_IPS", "*", "*"),
        ("DYNO", "web.1", "Heroku"),
        ("FLY_APP_NAME", "x", "Fly.io"),
        ("K_SERVICE", "x", "Cloud Run"),
        ("RENDER", "true", "Render"),
        ("GUNICORN_CMD_ARGS", "--bind=unix:/run/app.sock", "unix:/run/app.sock"),
        ("GUNICORN_CMD_ARGS", "-b unix:/run/app.sock", "unix:/run/app.sock"),
        ("GUNICORN_CMD_ARGS", "--forwarded-allow-ips 10.0.0.1", "10.0.0.1"),
    ],
)
def test_a_proxy_is_read_from_the_environment(
    name: str, value: str, indicated: str, tmp_path: Path
) -> None:
    assert proxy({name: value}, tmp_path) == Setting(indicated, name)
    assert workers({name: value}, tmp_path) is None


@pytest.mark.parametrize(
    ("name", "value"), [("RENDER", ""), ("GUNICORN_CMD_ARGS", "-b 127.0.0.1:80 -w 4")]
)
def test_an_empty_variable_or_a_network_address_indicates_no_proxy(
    name: str, value: str, tmp_path: Path
) -> None:
    assert proxy({name: value}, tmp_path) is None


# -- any text


PIECES = [
    "-w",
    "-b",
    "--workers",
    "--bind=",
    "--forwarded-allow-ips",
    " ",
    "=",
    "4",
    "٣",
    "²",
    "unix:",
    "'",
    '"',
    "\\",
    "#",
]
LINES = [
    *(
        f"{name} = {value}"
        for name in ("workers", "bind", "forwarded_allow_ips")
        for value in ("4", "'unix:'", "None", "1j")
    ),
    *(
        "workers = bind = ...",
        "# coding: utf-16",
        "# coding: unknown",
        "x = '\\d'",
        "if x:",
        "'''",
        "(",
        "\ufeff",
        "\0",
    ),
]


@given(
    st.text(st.characters())
    | st.lists(st.sampled_from(PIECES) | st.text(st.characters())).map("".join)
)
def test_gunicorn_arguments_of_any_text_never_raise(used_folder: Path, line: str) -> None:
    (used_folder / "gunicorn.conf.py").unlink(missing_ok=True)
    environ = {"GUNICORN_CMD_ARGS": line}
    for setting, kind in ((workers(environ, used_folder), int), (proxy(environ, used_folder), str)):
        assert setting is None or (
            isinstance(setting.value, kind) and setting.source == "GUNICORN_CMD_ARGS"
        )


@given(
    st.binary()
    | st.lists(st.sampled_from([line.encode() for line in LINES]) | st.binary()).map(b"\n".join)
)
def test_a_gunicorn_file_of_any_bytes_never_raises(used_folder: Path, content: bytes) -> None:
    (used_folder / "gunicorn.conf.py").write_bytes(content)
    for setting, kind in ((workers({}, used_folder), int), (proxy({}, used_folder), str)):
        assert setting is None or (
            isinstance(setting.value, kind) and setting.source == "gunicorn.conf.py"
        )


# -- middleware


@pytest.mark.parametrize("name", ["app", "wsgi_app", "application", "_app", "__wrapped__"])
def test_a_proxy_fix_is_found_inside_other_middleware(name: str) -> None:
    class Middleware:
        def __init__(self, wsgi_app: Any) -> None:
            setattr(self, name, wsgi_app)

        def __call__(self, environ: Any, start_response: Any) -> Any:
            return getattr(self, name)(environ, start_response)

    app = Flask(__name__)
    assert not reads_forwarded(Middleware(app.wsgi_app))
    assert reads_forwarded(Middleware(Middleware(ProxyFix(app.wsgi_app))))
    assert reads_forwarded(ProxyFix(Middleware(app.wsgi_app)))


def test_middleware_that_wraps_itself_ends_the_search() -> None:
    def circle(environ: Any, start_response: Any) -> Any:
        return []

    circle.app = circle  # type: ignore[attr-defined]
    assert not reads_forwarded(circle)
