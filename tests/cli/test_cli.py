"""Promises of ``flask apierrors``: what it prints, and what its exit status means."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from flask import Flask
from flask.cli import ScriptInfo
from werkzeug.exceptions import NotFound

import flask_apierrors
from flask_apierrors import (
    ApiError,
    ApiErrors,
    raises,
    rate_limit,
    requires_auth,
    requires_permissions,
)
from flask_apierrors._cli.cli import cli
from tests.conftest import parse_strictly

ROOT = Path(__file__).parents[2]
#: Where these tests import the package from, so that other processes import the same one.
SOURCES = Path(flask_apierrors.__file__).parents[1]

BODY = """
from flask import Flask
from werkzeug.exceptions import NotFound
from flask_apierrors import ApiError, ApiErrors, raises, requires_auth

app = Flask(__name__)
errors = ApiErrors(app)
errors.verify_token(lambda token: token)


class VesselNotFound(ApiError, NotFound):
    '''No vessel has this number.'''


@app.get("/vessels/<int:number>")
@raises(VesselNotFound)
@requires_auth
def vessel(number):
    raise VesselNotFound
"""


class VesselNotFound(ApiError, NotFound):
    """No vessel has this number.

    Look it up in `Lloyd's Register`.
    """


def make(*decorators: Callable[[Any], Any], methods: tuple[str, ...] = ("GET",)) -> Flask:
    app = Flask(__name__)
    errors = ApiErrors(app)
    errors.verify_token(lambda token: token)
    view: Any = raises(VesselNotFound)(lambda number: "")
    for decorator in decorators or (requires_permissions("read"), rate_limit("5/minute")):
        view = decorator(view)
    app.add_url_rule("/vessels/<int:number>", "vessel", view, methods=methods)
    return app


def plain(view: Any) -> Any:
    return view


def run(app: Flask, *arguments: str, **options: Any) -> Result:
    return app.test_cli_runner().invoke(cli, arguments, **options)


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    for name in (
        "WEB_CONCURRENCY",
        "GUNICORN_CMD_ARGS",
        "FORWARDED_ALLOW_IPS",
        "NO_COLOR",
        "FLASK_APP",
    ):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


# -- routes


def test_routes_shows_guards_limits_and_errors() -> None:
    result = run(make(), "routes")
    assert result.exit_code == 0
    assert result.output == (
        "GET /vessels/<int:number> (vessel)\n"
        "  Guards: requires_permissions (read)\n"
        "  Limits: 5 per 1 minute\n"
        "  Errors: 401, 403, 404, 404 vessel-not-found, 405, 429, 500\n"
    )


def test_routes_says_where_an_endpoint_has_no_guard_and_no_limit() -> None:
    assert "\n  Guards: none\n  Limits: none\n" in run(make(plain), "routes").output


def raise_something(number: int) -> Any:
    if number:
        raise VesselNotFound
    raise REASONS[number]


REASONS = [VesselNotFound()]


def test_routes_says_where_the_source_raises_what() -> None:
    app = Flask(__name__)
    ApiErrors(app)
    app.add_url_rule("/vessels/<int:number>", "vessel", raise_something)
    output = " ".join(run(app, "routes").output.split())
    assert re.search(r"Found in the source: 404 at \S*test_cli\.py:\d+", output), output
    assert re.search(r"Unknown: what is raised at \S*test_cli\.py:\d+", output), output


def test_routes_shows_methods_that_are_alike_together() -> None:
    assert "GET, POST /vessels" in run(make(methods=("GET", "POST")), "routes").output


@pytest.mark.parametrize("columns", [60, 80, 100, 200])
def test_routes_fits_the_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    names = [f"fleet:{index}" for index in range(30)]
    lines = run(make(requires_permissions(*names)), "routes").output.splitlines()
    assert max(map(len, lines)) <= columns
    assert ", ".join(names) in " ".join(line.strip() for line in lines)


def test_routes_never_breaks_a_path_or_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "10")
    output = run(make(), "routes").output
    assert "GET /vessels/<int:number> (vessel)\n" in output
    assert "    vessel-not-found,\n" in output


def test_routes_as_json_has_everything_about_the_endpoints() -> None:
    (operation,) = parse_strictly(run(make(), "routes", "--json").output)["operations"]
    assert operation["endpoint"] == "vessel"
    assert operation["guards"] == [{"name": "requires_permissions", "values": ["read"]}]
    assert {error["status"] for error in operation["errors"]} >= {401, 403, 404, 405, 429, 500}


def test_routes_as_json_explains_each_error() -> None:
    errors = parse_strictly(run(make(), "routes", "--json").output)["errors"]
    entry = next(entry for entry in errors if entry["code"] == "vessel-not-found")
    assert entry["meaning"] == "No vessel has this number."
    assert entry["action"] == "Look it up in `Lloyd's Register`."
    assert entry["retry"] == "never"
    assert entry["example"] == {"error": "Vessel not found."}
    assert entry["problem_example"]["status"] == 404
    assert [place["rule"] for place in entry["occurrences"]] == ["/vessels/<int:number>"]
    forbidden = next(entry for entry in errors if entry["code"] == "forbidden")
    assert forbidden["headers"][0]["example"].startswith('Bearer realm="api"')


def test_routes_of_an_api_without_endpoints_says_so() -> None:
    app = Flask(__name__, static_folder=None)
    ApiErrors(app)
    assert run(app, "routes").output == "The API has no endpoints.\n"


def test_routes_shows_hidden_endpoints_too() -> None:
    app = Flask(__name__)
    errors = ApiErrors(app)
    errors.hide("secret")
    app.add_url_rule("/secret", "secret", lambda: "")
    assert "/secret" in run(app, "routes").output


# -- openapi


def test_openapi_prints_the_endpoints_with_their_errors() -> None:
    pytest.importorskip("apispec")
    result = run(make(), "openapi")
    document = parse_strictly(result.output)
    operation = document["paths"]["/vessels/{number}"]["get"]
    assert {"401", "403", "404", "429", "500"} <= operation["responses"].keys()
    assert operation["parameters"][0]["name"] == "number"


def test_openapi_without_apispec_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [
        name
        for name in sys.modules
        if name.split(".")[0] == "apispec" or name == "flask_apierrors.openapi"
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "apispec", None)
    result = run(make(), "openapi")
    assert result.exit_code == 2
    assert "flask-apierrors[openapi]" in result.output


def test_another_missing_module_is_not_taken_for_apispec(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "flask_apierrors.openapi", None)
    assert isinstance(run(make(), "openapi").exception, ModuleNotFoundError)


# -- freeze, diff


def test_freeze_writes_a_file_that_the_same_app_matches(folder: Path) -> None:
    assert run(make(), "freeze").output == "Written to apierrors.lock.json.\n"
    assert (folder / "apierrors.lock.json").read_text().startswith('{\n  "version": 1,')
    result = run(make(), "diff", "--strict")
    assert (result.exit_code, result.output) == (0, "Nothing has changed.\n")


def test_diff_exits_with_1_if_a_change_breaks_clients() -> None:
    run(make(rate_limit("5/minute")), "freeze")
    result = run(make(rate_limit("5/minute"), requires_auth), "diff")
    assert result.exit_code == 1
    assert "breaking: guard added: requires_auth\n  GET /vessels/<int:number>\n" in result.output


def test_diff_exits_with_0_for_an_addition_unless_it_is_strict() -> None:
    run(make(requires_auth), "freeze")
    app = make(requires_auth)
    app.add_url_rule("/new", "new", lambda: "")
    assert run(app, "diff").output == "compatible: endpoint added\n  GET /new\n"
    assert run(app, "diff").exit_code == 0
    assert run(app, "diff", "--strict").exit_code == 1


def test_diff_reads_the_standard_input_and_freeze_writes_the_standard_output() -> None:
    text = run(make(requires_auth), "freeze", "-").output
    assert run(make(requires_auth), "diff", "-", input=text).exit_code == 0
    result = run(make(), "diff", "-", "--json", input=text)
    assert result.exit_code == 1
    assert parse_strictly(result.output)[0] == {
        "effect": "breaking",
        "where": "GET /vessels/<int:number>",
        "what": "guard added: requires_permissions (read)",
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [(None, "There is no lock file"), ("{", "not JSON"), ("{}", "not a lock file of version")],
)
def test_diff_exits_with_2_without_a_lock_file(text: str | None, reason: str, folder: Path) -> None:
    if text is not None:
        (folder / "apierrors.lock.json").write_text(text)
    result = run(make(), "diff")
    assert result.exit_code == 2
    assert reason in result.output


def test_diff_exits_with_2_if_the_file_is_no_text(folder: Path) -> None:
    (folder / "apierrors.lock.json").write_bytes(b"\xff\x00")
    assert run(make(), "diff").exit_code == 2
    assert run(make(), "diff", str(folder)).exit_code == 2


def test_freeze_keeps_the_file_if_the_catalogue_fails(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "apierrors.lock.json").write_text("kept")
    monkeypatch.setattr("flask_apierrors._cli.lock.lock_of", lambda contents: 1 / 0)
    assert isinstance(run(make(), "freeze").exception, ZeroDivisionError)
    assert (folder / "apierrors.lock.json").read_text() == "kept"


def test_freeze_exits_with_2_if_the_folder_does_not_exist() -> None:
    result = run(make(), "freeze", "nowhere/lock.json")
    assert result.exit_code == 2
    assert "Cannot write nowhere/lock.json: " in result.output


# -- doctor


def test_the_doctor_exits_with_0_without_findings() -> None:
    result = run(make(), "doctor")
    assert (result.exit_code, result.output) == (0, "Nothing found.\n")


def test_the_doctor_exits_with_1_and_names_the_remedy() -> None:
    result = run(make(rate_limit("5/minute"), methods=("POST",)), "doctor")
    assert result.exit_code == 1
    assert result.output.startswith(
        "unguarded-write: POST /vessels/<int:number> (vessel)\n  Anyone can call"
    )
    assert "  Remedy: Put @requires_auth" in result.output


def test_the_doctor_prints_json() -> None:
    (finding,) = parse_strictly(
        run(make(rate_limit("5/minute"), methods=("POST",)), "doctor", "--json").output
    )
    assert finding.keys() == {"code", "where", "problem", "remedy"}
    assert parse_strictly(run(make(), "doctor", "--json").output) == []


@pytest.mark.parametrize(
    ("rule", "status"),
    [
        ("unguarded-write", 0),
        ("unguarded-write:(vessel)", 0),
        ("unguarded-write:(other)", 1),
        ("two-limiters", 1),
    ],
)
def test_findings_can_be_ignored_by_code_and_by_place(rule: str, status: int) -> None:
    assert (
        run(make(rate_limit("5/minute"), methods=("POST",)), "doctor", "--ignore", rule).exit_code
        == status
    )


# -- colors


def test_colors_are_for_terminals_that_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    app = make(rate_limit("5/minute"), methods=("POST",))
    assert "\x1b[31munguarded-write" in run(app, "doctor", color=True).output
    assert "\x1b" not in run(app, "doctor").output
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in run(app, "doctor", color=True).output


# -- apps that cannot be used


@pytest.mark.parametrize("command", ["routes", "openapi", "freeze", "diff", "doctor"])
def test_an_app_without_the_contract_exits_with_2_and_the_remedy(command: str) -> None:
    result = run(Flask(__name__), command)
    assert result.exit_code == 2
    assert result.output == (
        f"Error: The app {__name__!r} has no ApiErrors. Call ApiErrors(app) or"
        " errors.init_app(app) where you create the app.\n"
    )


def load_and_run(create_app: Callable[[], Any]) -> Result:
    return CliRunner().invoke(cli, ["routes"], obj=ScriptInfo(create_app=create_app))


def failing() -> Flask:
    return Flask(__name__, static_folder=7)  # type: ignore[arg-type]


def ending() -> Flask:
    sys.exit("No DATABASE_URL.")


def refusing() -> Flask:
    raise click.UsageError("Not so.")


@pytest.mark.parametrize(
    ("create_app", "message"),
    [
        (failing, "Error: The app could not be loaded.\n\nTraceback (most recent call last):\n"),
        (ending, "Error: The app exited while it was loaded: No DATABASE_URL.\n"),
        (refusing, "Error: Not so.\n"),
    ],
)
def test_a_factory_that_fails_exits_with_2_and_the_reason(
    create_app: Callable[[], Any], message: str
) -> None:
    result = load_and_run(create_app)
    assert result.exit_code == 2
    assert message in result.output
    assert "flask/cli.py" not in result.output


def flask(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[bytes]:
    """Run ``flask`` in a process of its own."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("FLASK_", "COV_", "PYTHON"))
    }
    return subprocess.run(
        [sys.executable, "-m", "flask", *arguments],
        cwd=folder,
        env=inherited
        | {"COLUMNS": "200", "PYTHONPATH": f"{folder}{os.pathsep}{SOURCES}"}
        | environ,
        capture_output=True,
        timeout=60,
        check=False,
    )


def test_the_command_is_found_by_flask(folder: Path) -> None:
    (folder / "app.py").write_text(BODY, encoding="utf-8")
    result = flask(folder, "apierrors", "routes")
    assert (result.returncode, result.stderr) == (0, b"")
    assert b"404 vessel-not-found" in result.stdout
    assert b"\x1b" not in result.stdout


@pytest.mark.parametrize(
    ("command", "text"),
    [("routes", "404 series-not-found"), ("openapi", '"Vary"'), ("doctor", "Nothing found.")],
)
def test_the_commands_work_on_the_example(command: str, text: str, folder: Path) -> None:
    pytest.importorskip("jwt")
    pytest.importorskip("apispec")
    example = {"PYTHONPATH": str(ROOT), "TELEMETRY_DATABASE": str(folder / "db")}
    result = flask(folder, "--app", "example_app", "apierrors", command, **example)
    assert (result.returncode, result.stderr) == (0, b"")
    assert text in result.stdout.decode()


def test_openapi_of_the_example_is_valid(folder: Path) -> None:
    pytest.importorskip("apispec")
    pytest.importorskip("jwt")
    example_app = pytest.importorskip("example_app")
    validator = pytest.importorskip("openapi_spec_validator")
    app = example_app.create_app({"DATABASE": str(folder / "db")})
    validator.validate(parse_strictly(run(app, "openapi").output))


def test_what_the_encoding_does_not_have_is_escaped(folder: Path) -> None:
    (folder / "app.py").write_text(BODY.replace("/vessels", "/größe"), encoding="utf-8")
    result = flask(folder, "apierrors", "routes", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert result.returncode == 0, result.stderr
    assert rb"/gr\xf6\xdfe/<int:number>" in result.stdout
    result = flask(folder, "apierrors", "routes", PYTHONIOENCODING="utf-8")
    assert "/größe/<int:number>".encode() in result.stdout


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import nothing_of_this_name\n", "No module named 'nothing_of_this_name'"),
        ("app = \n", "SyntaxError"),
        ("app = 1 / 0\n", "app.py"),
        ("raise SystemExit('No DATABASE_URL.')\n", "No DATABASE_URL."),
        ("x = 1\n", "Failed to find Flask application"),
        (
            BODY.replace("errors =", "app.config['APIERRORS_MEMBER'] = ()\nerrors ="),
            "Did you mean APIERRORS_MEMBERS?",
        ),
    ],
)
def test_an_app_that_cannot_be_loaded_exits_with_2_and_the_reason(
    source: str, message: str, folder: Path
) -> None:
    (folder / "app.py").write_text(source, encoding="utf-8")
    result = flask(folder, "apierrors", "diff")
    assert result.returncode == 2
    assert result.stdout == b""
    assert message in result.stderr.decode()
    assert "click/core.py" not in result.stderr.decode()


@pytest.mark.parametrize("name", ["cli.md", "guards.md", "troubleshooting.md"])
def test_the_pages_of_the_documentation_show_what_is_printed(folder: Path, name: str) -> None:
    page = (ROOT / "docs" / name).read_text(encoding="utf-8")
    if "flask_apierrors.openapi" in page:
        pytest.importorskip("apispec")
    for kind, text in re.findall(r"```(python|console)\n(.*?)```", page, re.DOTALL):
        if kind == "python":
            with (folder / "harbor.py").open("a", encoding="utf-8") as program:
                program.write(text + "\n")
        else:
            assert printed(text, folder) == text


def printed(session: str, folder: Path) -> str:
    """The same shell session with its current output."""
    lines, status = "", 0
    for line in re.findall(r"^\$ (.*)\n", session, re.MULTILINE):
        lines += f"$ {line}\n"
        if line == "echo $?":
            lines += f"{status}\n"
        else:
            result = flask(folder, *shlex.split(line)[1:], COLUMNS="100", PYTHONIOENCODING="utf-8")
            lines, status = lines + result.stdout.decode(), result.returncode
    return lines


def test_the_entry_point_imports_only_what_flask_imports(folder: Path) -> None:
    program = (
        "import sys, flask_apierrors._cli.cli\n"
        "print(sys.modules.keys() & {'apispec', 'jwt', 'limits', 'marshmallow', 'rich'})"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(SOURCES)},
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert result.stdout.strip() == b"set()"


def test_the_commands_are_described() -> None:
    assert isinstance(cli, click.Group)
    assert set(cli.commands) == {"routes", "openapi", "freeze", "diff", "doctor"}
    for command in cli.commands.values():
        assert command.get_short_help_str()
