"""``flask apierrors``: the contract of an app, for its authors and for continuous integration."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

import click
from flask import Flask
from flask.cli import ScriptInfo

from .._core.errors import status_type
from .terminal import printable, table, wrapped

# Flask imports this module for each of its commands: what it needs itself is imported when it is called.
if TYPE_CHECKING:
    from .._catalogue.catalogue import Catalogue, Operation
    from .doctor import Finding
    from .lock import Change, Contract

_LOCK = "apierrors.lock.json"
_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group("apierrors")
def cli() -> None:
    """Show, freeze and check the error contract of the app."""


# -- the app


def _with_app(command: Callable[..., None]) -> Callable[..., None]:
    """Call a command with the app, inside its context; end with a sentence when the app cannot be used."""

    @click.pass_context
    def loaded(ctx: click.Context, /, **options: Any) -> None:
        app = _load(ctx.ensure_object(ScriptInfo))
        if "apierrors" not in app.extensions:
            _fail(
                f"The app {app.name!r} has no ApiErrors. Call ApiErrors(app) or errors.init_app(app) where the app is made."
            )
        with app.app_context():
            ctx.invoke(command, app, **options)

    return update_wrapper(loaded, command)


def _load(info: ScriptInfo) -> Flask:
    try:
        return info.load_app()
    except click.ClickException:
        raise
    except SystemExit as end:
        _fail(f"The app ended the process while it was loaded: {end.code}")
    except Exception as error:
        _fail(f"The app could not be loaded.\n\n{_trace(error)}")


def _trace(error: Exception) -> str:
    """The traceback, from where the app's own code begins."""
    trace = error.__traceback__
    while (
        trace is not None
        and trace.tb_next is not None
        and trace.tb_frame.f_globals.get("__name__") in (__name__, "flask.cli")
    ):
        trace = trace.tb_next
    return "".join(traceback.format_exception(type(error), error, trace)).rstrip()


class _Failure(click.ClickException):
    exit_code = 2


def _fail(message: str) -> NoReturn:
    """End with the status that says neither yes nor no.

    :raises click.ClickException: always.
    """
    raise _Failure(printable(message, _encoding(sys.stderr)))


# -- what is printed


def _print(lines: Iterable[str]) -> None:
    text = "\n".join(lines)
    click.echo(
        printable(text, _encoding(sys.stdout)), color=False if os.environ.get("NO_COLOR") else None
    )


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2))


def _encoding(stream: TextIO) -> str:
    return getattr(stream, "encoding", None) or "ascii"


def _width() -> int:
    return shutil.get_terminal_size().columns


# -- routes


@cli.command()
@_as_json
@_with_app
def routes(app: Flask, as_json: bool) -> None:
    """List the endpoints with their guards, limits and errors.

    With --json, prints the whole catalogue: it explains each error and has examples of its bodies.
    """
    from .._catalogue.catalogue import catalogue

    known = catalogue(app, hidden=True)
    if as_json:
        _print_json(known.to_dict())
    elif known.operations:
        head = ("Endpoint", "Methods", "Path", "Guards", "Limits", "Errors")
        _print(table(head, _rows(known), _width()))
    else:
        _print(["The app has no endpoints."])


def _rows(known: Catalogue) -> list[Sequence[str]]:
    """A row for the methods of a rule that are alike."""
    names = {entry.type: entry.name for entry in known.errors}
    rows: dict[tuple[str, ...], list[str]] = {}
    for operation in known.operations:
        guards = "\n".join(_guard(mark.name, mark.values) for mark in operation.guards) or "none"
        limits = "\n".join(operation.limits) or "none"
        row = (
            operation.endpoint,
            operation.rule,
            guards,
            limits,
            ", ".join(_errors(operation, names)),
        )
        rows.setdefault(row, []).append(operation.method)
    return [(endpoint, " ".join(methods), *rest) for (endpoint, *rest), methods in rows.items()]


def _guard(name: str, values: tuple[Any, ...]) -> str:
    return f"{name}: {', '.join(map(str, values))}" if values else name


def _errors(operation: Operation, names: dict[str, str]) -> list[str]:
    """The statuses; an error that the author declared, with its name."""
    found = set()
    for error in operation.errors:
        named = error.cause in ("raises", "convert") and error.type != status_type(error.status)
        found.add(f"{error.status} {names[error.type]}" if named else str(error.status))
    return sorted(found)


# -- openapi


@cli.command()
@_with_app
def openapi(app: Flask) -> None:
    """Print the endpoints and their errors as OpenAPI.

    OpenAPI 3.1, in JSON. Needs the extra `openapi`.
    """
    try:
        from ..openapi import add_errors
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "apispec":
            raise
        _fail("OpenAPI needs apispec. Install it: pip install 'flask-apierrors[openapi]'")
    from .._catalogue.catalogue import catalogue

    document = {
        "openapi": "3.1.0",
        "info": {"title": app.name, "version": "0"},
        "paths": _paths(catalogue(app).operations),
    }
    _print_json(add_errors(document, app))


def _paths(operations: Iterable[Operation]) -> dict[str, Any]:
    """What is known of the endpoints without their errors: the parameters in their paths."""
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
@click.argument("file", default=_LOCK)
@_with_app
def freeze(app: Flask, file: str) -> None:
    """Write the contract to a file.

    FILE is to be committed; "-" is the standard output.
    """
    from .lock import dumps

    try:
        with click.open_file(file, "w", encoding="utf-8") as out:
            out.write(dumps(_contract(app)))
    except OSError as error:
        _fail(f"{file} cannot be written: {error.strerror}")
    if file != "-":
        _print([f"Written to {file}."])


@cli.command()
@click.argument("file", default=_LOCK)
@click.option(
    "--strict",
    is_flag=True,
    help="Exit with 1 for changes that break nobody, too: FILE is out of date.",
)
@_as_json
@_with_app
def diff(app: Flask, file: str, strict: bool, as_json: bool) -> None:
    """Tell how the contract differs from a file.

    Compares FILE ("-" is the standard input) with what the app answers now. Exits with 0 when clients go on to work,
    with 1 when something breaks them, with 2 when nothing could be compared.
    """
    from .lock import compare

    changes = compare(_frozen(file), _contract(app))
    if as_json:
        _print_json([change._asdict() for change in changes])
    else:
        _print(_told(changes, _width()))
    if any(strict or change.effect == "breaking" for change in changes):
        sys.exit(1)


def _contract(app: Flask) -> Contract:
    from .._catalogue.catalogue import catalogue
    from .lock import contract

    return contract(catalogue(app))


def _frozen(file: str) -> Contract:
    from .lock import loads

    try:
        with click.open_file(file, encoding="utf-8") as source:
            return loads(source.read())
    except FileNotFoundError:
        _fail(f"There is no file {file}. Write it with `flask apierrors freeze`, and commit it.")
    except (OSError, ValueError) as error:
        _fail(f"{file} cannot be compared: {error}")


def _told(changes: Sequence[Change], width: int) -> Iterator[str]:
    """The changes, each with all the places where it happened."""
    if not changes:
        yield "Nothing has changed."
    places: dict[tuple[str, str], list[str]] = {}
    for change in changes:
        places.setdefault((change.effect, change.what), []).append(change.where)
    for (effect, what), where in places.items():
        label = click.style(effect, fg="red" if effect == "breaking" else "green")
        yield f"{label}: {what}"
        yield from wrapped(", ".join(where), width, "  ")


# -- doctor


@cli.command()
@click.option(
    "--ignore",
    multiple=True,
    metavar="CODE[:WHERE]",
    help="Leave out findings of a kind, or those with a text in their place.",
)
@_as_json
@_with_app
def doctor(app: Flask, ignore: tuple[str, ...], as_json: bool) -> None:
    """Find what is wrong or risky in the app.

    Says of each thing how to mend it. Exits with 0 when nothing is found, with 1 when something is, with 2 when the
    app cannot be loaded.
    """
    from .doctor import diagnose

    findings = [
        finding
        for finding in diagnose(app)
        if not any(_is_ignored(finding, rule) for rule in ignore)
    ]
    if as_json:
        _print_json(
            [{name: getattr(finding, name) for name in finding.__slots__} for finding in findings]
        )
    else:
        _print(_reported(findings, _width()))
    if findings:
        sys.exit(1)


def _is_ignored(finding: Finding, rule: str) -> bool:
    code, _, where = rule.partition(":")
    return finding.code == code and where in finding.where


def _reported(findings: Sequence[Finding], width: int) -> Iterator[str]:
    if not findings:
        yield "Nothing found."
    for index, finding in enumerate(findings):
        yield from [""] if index else []
        yield f"{click.style(finding.code, fg='red')}: {finding.where}"
        yield from wrapped(finding.problem, width, "  ")
        yield from wrapped(f"Remedy: {finding.remedy}", width, "  ")
