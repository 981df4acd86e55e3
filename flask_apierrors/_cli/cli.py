"""``flask apierrors``: the error contract of an app, for its authors and its CI."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import update_wrapper
from textwrap import TextWrapper
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

import click
from flask import Flask
from flask.cli import ScriptInfo

from .._core.errors import code_of_status

# Flask imports this module for each of its own commands. So each command here imports what it
# needs when it runs.
if TYPE_CHECKING:
    from .._catalogue.model import Catalogue, Operation
    from .._core.marks import Mark
    from .doctor import Finding
    from .lock import Change, Lock

_LOCK_FILE = "apierrors.lock.json"
_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group("apierrors")
def cli() -> None:
    """Show, record and check the error contract of the app."""


# -- the app


def _with_app(command: Callable[..., None]) -> Callable[..., None]:
    """Load the app and call a command with it, inside its context."""

    @click.pass_context
    def command_with_app(ctx: click.Context, /, **options: Any) -> None:
        app = _load(ctx.ensure_object(ScriptInfo))
        if "apierrors" not in app.extensions:
            _fail(
                f"The app {app.name!r} has no ApiErrors. Call ApiErrors(app) or"
                " errors.init_app(app) where you create the app."
            )
        with app.app_context():
            ctx.invoke(command, app, **options)

    return update_wrapper(command_with_app, command)


def _load(info: ScriptInfo) -> Flask:
    try:
        return info.load_app()
    except click.ClickException:
        raise
    except SystemExit as end:
        _fail(f"The app exited while it was loaded: {end.code}")
    except Exception as error:
        _fail(f"The app could not be loaded.\n\n{_trace(error)}")


def _trace(error: Exception) -> str:
    """The traceback, without the calls before the app's own code."""
    trace = error.__traceback__
    while (
        trace is not None
        and trace.tb_next is not None
        and trace.tb_frame.f_globals.get("__name__") in (__name__, "flask.cli")
    ):
        trace = trace.tb_next
    return "".join(traceback.format_exception(type(error), error, trace)).rstrip()


class _Failure(click.ClickException):
    #: Neither success nor a finding.
    exit_code = 2


def _fail(message: str) -> NoReturn:
    raise _Failure(_encodable(message, sys.stderr))


# -- the output


def _print(text: str) -> None:
    color = False if os.environ.get("NO_COLOR") else None
    click.echo(_encodable(text, sys.stdout), color=color)


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2))


def _encodable(text: str, stream: TextIO) -> str:
    r"""A text with escapes such as ``\xf6`` for the characters that a stream cannot encode."""
    encoding = getattr(stream, "encoding", None) or "ascii"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _block(title: str, *paragraphs: str) -> str:
    """A title, and paragraphs below it that fit the terminal.

    Names and paths stay in one piece, to be searched for and copied.
    """
    wrapper = TextWrapper(
        shutil.get_terminal_size().columns,
        initial_indent="  ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join([title, *map(wrapper.fill, paragraphs)])


# -- routes


@cli.command()
@_as_json
@_with_app
def routes(app: Flask, as_json: bool) -> None:
    """List the endpoints with their guards, limits and errors.

    With --json, print the whole catalogue. It explains each error and has examples of its bodies.
    """
    from .._catalogue.catalogue import catalogue

    contents = catalogue(app, hidden=True)
    if as_json:
        _print_json(contents.to_dict())
    else:
        _print(_format_operations(contents) or "The API has no endpoints.")


def _format_operations(contents: Catalogue) -> str:
    """A block for each endpoint. Methods of a rule that are alike share one."""
    methods: dict[tuple[str, ...], list[str]] = {}
    for operation in contents.operations:
        block = (
            f"{operation.rule} ({operation.endpoint})",
            f"Guards: {', '.join(map(_format_guard, operation.guards)) or 'none'}",
            f"Limits: {', '.join(operation.limits) or 'none'}",
            f"Errors: {', '.join(_error_names(operation))}",
            *_source_lines(operation),
        )
        methods.setdefault(block, []).append(operation.method)
    return "\n\n".join(
        _block(f"{', '.join(own)} {title}", *paragraphs)
        for (title, *paragraphs), own in methods.items()
    )


def _format_guard(mark: Mark) -> str:
    return f"{mark.name} ({', '.join(map(str, mark.values))})" if mark.values else mark.name


def _error_names(operation: Operation) -> list[str]:
    """The statuses. Errors that the author declared or raises have their names, too."""
    from .._catalogue.model import DECLARED_CAUSES, SOURCE

    texts = set()
    for error in operation.errors:
        is_own = error.cause in (*DECLARED_CAUSES, SOURCE) and error.code != code_of_status(
            error.status
        )
        texts.add(f"{error.status} {error.code}" if is_own else str(error.status))
    return sorted(texts)


def _source_lines(operation: Operation) -> Iterator[str]:
    """Where the source raises errors, and where it does not say which."""
    places = [f"{error.status} at {error.place}" for error in operation.errors if error.place]
    if places:
        yield f"Found in the source: {', '.join(places)}"
    if operation.unknown:
        yield f"Unknown: what is raised at {', '.join(operation.unknown)}"


# -- openapi


@cli.command()
@_with_app
def openapi(app: Flask) -> None:
    """Print the endpoints and their errors as OpenAPI.

    The document is OpenAPI 3.1 in JSON. It needs the extra `openapi`.
    """
    try:
        from ..openapi import add_errors
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "apispec":
            raise
        _fail("OpenAPI needs apispec. Install it with: pip install 'flask-apierrors[openapi]'")
    from .._catalogue.catalogue import catalogue

    document = {
        "openapi": "3.1.0",
        "info": {"title": app.name, "version": "0"},
        "paths": _paths(catalogue(app).operations),
    }
    _print_json(add_errors(document, app))


def _paths(operations: Iterable[Operation]) -> dict[str, Any]:
    """The endpoints without their errors: a summary and the parameters in the path."""
    from .._catalogue.routes import path_of

    paths: dict[str, Any] = {}
    for operation in operations:
        path = path_of(operation.rule)
        names = re.findall(r"{(\w+)}", path)
        parameters = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in names
        ]
        paths.setdefault(path, {})[operation.method.lower()] = {
            "summary": operation.summary,
            "parameters": parameters,
            "responses": {"2XX": {"description": "Success."}},
        }
    return paths


# -- freeze, diff


@cli.command()
@click.argument("file", default=_LOCK_FILE)
@_with_app
def freeze(app: Flask, file: str) -> None:
    """Write the lock file.

    FILE records what clients can rely on. Commit it. "-" is the standard output.
    """
    from .lock import dump_lock

    text = dump_lock(_current_lock(app))
    try:
        with click.open_file(file, "w", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        _fail(f"Cannot write {file}: {error.strerror}")
    if file != "-":
        _print(f"Written to {file}.")


@cli.command()
@click.argument("file", default=_LOCK_FILE)
@click.option(
    "--strict", is_flag=True, help="Exit with 1 for any change, since FILE is out of date."
)
@_as_json
@_with_app
def diff(app: Flask, file: str, strict: bool, as_json: bool) -> None:
    """Compare the app with the lock file.

    List what has changed since FILE was written ("-" is the standard input). Exit with 0 if clients
    keep working, with 1 if a change breaks them, and with 2 if the two cannot be compared.
    """
    from .lock import compare_locks

    changes = compare_locks(_read_lock(file), _current_lock(app))
    if as_json:
        _print_json([change._asdict() for change in changes])
    else:
        _print(_format_changes(changes) or "Nothing has changed.")
    if any(strict or change.effect == "breaking" for change in changes):
        sys.exit(1)


def _current_lock(app: Flask) -> Lock:
    from .._catalogue.catalogue import catalogue
    from .lock import lock_of

    return lock_of(catalogue(app))


def _read_lock(file: str) -> Lock:
    from .lock import load_lock

    try:
        with click.open_file(file, encoding="utf-8") as stream:
            return load_lock(stream.read())
    except FileNotFoundError:
        _fail(f"There is no lock file {file}. Write it with `flask apierrors freeze`.")
    except OSError as error:
        _fail(f"Cannot read {file}: {error.strerror}")
    except ValueError as error:
        _fail(f"Cannot compare with {file}. {error}")


def _format_changes(changes: Sequence[Change]) -> str:
    """Each change, with all its places."""
    places: dict[str, list[str]] = {}
    for change in changes:
        color = "red" if change.effect == "breaking" else "green"
        title = f"{click.style(change.effect, fg=color)}: {change.what}"
        places.setdefault(title, []).append(change.where)
    return "\n".join(_block(title, *where) for title, where in places.items())


# -- doctor


@cli.command()
@click.option(
    "--ignore",
    multiple=True,
    metavar="CODE[:WHERE]",
    help="Leave out findings with this code, or those whose place contains WHERE.",
)
@_as_json
@_with_app
def doctor(app: Flask, ignore: tuple[str, ...], as_json: bool) -> None:
    """Find what is wrong or risky in the app.

    List each finding with its remedy. Exit with 0 if there is none, with 1 if there is one, and
    with 2 if the app cannot be loaded.
    """
    from .doctor import diagnose

    findings = diagnose(app, ignore)
    if as_json:
        _print_json(
            [{name: getattr(finding, name) for name in finding.__slots__} for finding in findings]
        )
    else:
        _print(_format_findings(findings) or "Nothing found.")
    if findings:
        sys.exit(1)


def _format_findings(findings: Iterable[Finding]) -> str:
    return "\n\n".join(
        _block(
            f"{click.style(finding.code, fg='red')}: {finding.where}",
            finding.problem,
            f"Remedy: {finding.remedy}",
        )
        for finding in findings
    )
