"""The floors of the house: imports go down, and what is public is listed."""

from __future__ import annotations

import ast
import pkgutil
import re
import subprocess
import symtable
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import flask_apierrors

HOUSE = Path(flask_apierrors.__file__).parent
#: The wings and the single rooms, lowest first, and the floors of each wing, lowest first.
#: A module imports only from the wings below its own, and in its own wing from lower floors.
WINGS: dict[str, tuple[tuple[str, ...], ...]] = {
    "_core": (
        ("identifiers", "pointer", "request_headers", "statuses", "text", "trace_context"),
        ("http", "messages", "sentences"),
        ("accept", "errors", "header_fields", "missing_key"),
        ("scheme",),
        ("config", "hooks"),
        ("validation",),
        ("adoption", "state"),
        ("formats", "log_records", "marks", "origin", "ready_response", "signals"),
        ("words",),
        ("problem",),
        ("rendering",),
        ("reports",),
        ("completion",),
        ("road",),
        ("first_request", "returned"),
    ),
    "fields": (),
    "_libraries": (
        ("frames",),
        (
            "closures",
            "gunicorn",
            "jsonschema",
            "marshmallow",
            "opentelemetry",
            "pydantic",
            "sentry",
        ),
        (
            "authlib",
            "httpauth",
            "jwt_extended",
            "login",
            "principal",
            "restful",
            "security",
            "smorest",
            "webargs",
        ),
        ("apifairy", "apiflask", "flask_pydantic", "openapi3", "restx", "spectree"),
        ("extensions", "guards", "validators"),
    ),
    "_guards": (
        (
            "api_key",
            "basic",
            "bearer",
            "body",
            "identify",
            "json_body",
            "key_set",
            "options",
            "raises",
        ),
        ("foreign", "guard", "request", "schemes"),
        ("authentication", "media_types", "misuse", "scope"),
        ("permissions",),
    ),
    "_limits": (
        ("clients", "drivers", "memory", "quotas"),
        ("fields", "rate_limit"),
        ("refusals",),
        ("storage",),
        ("flask_limiter",),
        ("plans",),
        ("counting",),
        ("wiring",),
    ),
    "_catalogue": (
        ("classes", "model", "routes", "scopes", "source"),
        ("conditions",),
        ("exits",),
        ("causes",),
        ("examples",),
        ("catalogue",),
        ("reference", "unguarded"),
    ),
    "openapi": (),
    "_cli": (("deployment", "lock"), ("doctor",), ("cli",)),
    "_extension": (),
    "_testing": (
        ("answer", "contexts", "recording", "report", "requests", "stubs"),
        ("plugin", "problems", "rules"),
        ("assertion", "probes"),
        ("audit",),
    ),
    "testing": (),
    "jwt": (),
}
#: Where a module stands: its wing, then its floor in it.
PLACES = {
    f"{wing}.{name}": (height, floor)
    for height, (wing, floors) in enumerate(WINGS.items())
    for floor, names in enumerate(floors)
    for name in names
} | {wing: (height, 0) for height, (wing, floors) in enumerate(WINGS.items()) if not floors}
#: Nothing in the package imports these.
ROOF = ("jwt",)
#: What is there whenever the package is: its dependencies, and theirs.
REQUIRED = {
    "blinker",
    "click",
    "flask",
    "flask_limiter",
    "jinja2",
    "limits",
    "markupsafe",
    "marshmallow",
    "werkzeug",
}


def modules() -> list[str]:
    """Every module, by its name below the package."""
    paths = [path.relative_to(HOUSE) for path in HOUSE.rglob("*.py") if path.stem != "__init__"]
    return sorted(".".join(path.with_suffix("").parts) for path in paths)


MODULES = modules()


def imports_of(module: str) -> Iterator[tuple[str, bool]]:
    """The modules that a module imports, in functions too, and whether they are the package's."""
    path = HOUSE.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    package = path.relative_to(HOUSE).parent.parts
    tree = ast.parse(path.read_text("utf-8"))
    # What is under TYPE_CHECKING is never imported.
    unread = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for statement in block.body
        for node in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield name.name.split(".")[0], name.name.split(".")[0] == "flask_apierrors"
        elif isinstance(node, ast.ImportFrom) and node.level:
            above = package[: len(package) - node.level + 1]
            names = [node.module] if node.module else [alias.name for alias in node.names]
            for part in names:
                yield ".".join((*above, part)), True
        elif isinstance(node, ast.ImportFrom) and id(node) not in unread:
            assert node.module is not None
            yield node.module.split(".")[0], node.module.split(".")[0] == "flask_apierrors"


def imported_by(statement: str) -> set[str]:
    """The modules that a new interpreter has after a statement."""
    command = [sys.executable, "-c", f"{statement}\nimport sys\nprint(*sys.modules)"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.split())


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down_the_house(module: str) -> None:
    assert module in PLACES, f"{module} has no floor: give it one in {Path(__file__).name}"
    for name, own in imports_of(module):
        if own:
            assert name in PLACES, f"{module} imports {name}, which has no floor"
            assert PLACES[name] < PLACES[module], f"{module} imports {name}, which is not below it"


def test_the_plan_has_no_room_that_is_not_built() -> None:
    assert sorted(PLACES) == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_each_module_has_its_tests_in_a_file_of_its_name(module: str) -> None:
    *wing, name = module.split(".")
    folder = Path(__file__).parent.joinpath(*(part.strip("_") for part in wing))
    assert (folder / f"test_{name.strip('_')}.py").is_file()


def test_nothing_imports_the_roof() -> None:
    for module in ("__init__", *MODULES):
        if module.split(".")[0] not in ROOF:
            imported = {name.split(".")[0] for name, own in imports_of(module) if own}
            assert not imported & set(ROOF), module


def test_an_optional_dependency_is_imported_in_one_file() -> None:
    where: dict[str, list[str]] = {}
    for module in MODULES:
        foreign = {name for name, own in imports_of(module) if not own}
        for name in foreign - REQUIRED - set(sys.stdlib_module_names):
            where.setdefault(name, []).append(module)
    assert where.keys() <= {"apispec", "jwt", "pytest"}
    assert all(len(files) == 1 for files in where.values()), where


def test_the_names_of_guards_are_written_where_they_are_defined() -> None:
    names = {"requires_auth", "requires_permissions", "requires_json", "consumes", "produces"}
    names |= {"raises", "rate_limit"}
    for module in MODULES:
        tree = ast.parse(HOUSE.joinpath(*module.split(".")).with_suffix(".py").read_text("utf-8"))
        texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        if module != "_limits.rate_limit" and not module.startswith("_guards."):
            assert not texts & names, module


def test_importing_the_package_imports_no_more_than_flask() -> None:
    imported = imported_by("import flask_apierrors")
    assert "flask_apierrors._extension" in imported
    optional = "marshmallow flask_limiter limits jwt apispec webargs redis pytest"
    assert not imported & set(optional.split())
    assert "flask_apierrors._catalogue" not in imported


def public_names(name: str) -> set[str]:
    """The public names of a module: what it defines, and what it imports for its callers."""
    module = import_module(name)
    source = Path(str(module.__file__)).read_text("utf-8")
    names = {
        symbol.get_name()
        for symbol in symtable.symtable(source, name, "exec").get_symbols()
        if symbol.is_assigned() or symbol.get_name() in getattr(module, "__all__", ())
    }
    return {
        name
        for name in names - {"TYPE_CHECKING"}
        if not name.startswith("_") and hasattr(module, name)
    }


def importable_names() -> set[str]:
    """What can be imported without an underscore in any part of its dotted path."""
    modules = pkgutil.walk_packages(flask_apierrors.__path__, "flask_apierrors.")
    public = {module.name for module in modules if "._" not in module.name}
    return public | {
        f"{module}.{name}"
        for module in {"flask_apierrors", *public}
        for name in public_names(module)
    }


def documented_names() -> set[str]:
    """What the API reference names, with the modules of the names."""
    page = (Path(__file__).parents[1] / "docs" / "api.md").read_text("utf-8")
    directives = r"^\.\. (currentmodule|autofunction|autoclass|py:data):: ([\w.]+)"
    module, names = "", set()
    for directive, name in re.findall(directives, page, re.MULTILINE):
        if directive == "currentmodule":
            module = name
        else:
            names.add(f"{module}.{name}")
    return (names | {name.rpartition(".")[0] for name in names}) - {"flask_apierrors"}


def test_what_is_public_is_what_the_api_reference_names() -> None:
    pytest.importorskip("apispec")
    pytest.importorskip("jwt")
    assert importable_names() == documented_names()


def test_the_package_exports_its_public_names() -> None:
    names: dict[str, object] = {}
    exec("from flask_apierrors import *", names)
    names.pop("__builtins__")
    assert names.keys() == public_names("flask_apierrors")
    assert dir(flask_apierrors) == sorted(names)


def test_a_name_that_is_not_public_is_not_there() -> None:
    with pytest.raises(AttributeError, match="'flask_apierrors' has no attribute 'find'"):
        flask_apierrors.find  # type: ignore[attr-defined]  # noqa: B018


def test_the_package_says_that_it_is_typed() -> None:
    assert (HOUSE / "py.typed").is_file()
