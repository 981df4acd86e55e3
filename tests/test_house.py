from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import flask_apierrors

HOUSE = Path(flask_apierrors.__file__).parent
#: Imports go down: a module uses those of lower floors alone, never one of its own floor or above.
FLOORS = (
    ("text", "statuses"),
    ("headers", "accept"),
    ("errors", "marks"),
    ("config", "validation"),
    ("state",),
    ("conversion", "formats", "ready_response"),
    ("response",),
    ("guards", "json_body"),
    ("auth", "media_types", "fields", "rate_limit_storage", "quotas"),
    ("limiter", "clients", "native_limits"),
    ("rate_limits",),
    ("routes",),
    ("causes",),
    ("examples",),
    ("catalogue",),
    ("reference", "openapi"),
    ("extension",),
    ("contract", "deployment", "source", "terminal"),
    ("doctor",),
    ("cli", "testing", "jwt"),
)
FLOOR_OF = {name: floor for floor, names in enumerate(FLOORS) for name in names}
ROOF = FLOORS[-1]
#: What is there whenever the package is: its dependencies, and theirs.
REQUIRED = {"blinker", "click", "flask", "flask_limiter", "jinja2", "limits", "markupsafe", "marshmallow", "werkzeug"}
MODULES = sorted(path.stem for path in HOUSE.glob("*.py") if path.stem != "__init__")


def imports_of(module: str) -> Iterator[tuple[str, bool]]:
    """The modules that a module names in an import, inside functions too, and whether they are the package's own."""
    tree = ast.parse((HOUSE / f"{module}.py").read_text("utf-8"))
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
            assert node.level == 1, f"{module} leaves the package"
            for name in [node.module] if node.module else [alias.name for alias in node.names]:
                yield name, True
        elif isinstance(node, ast.ImportFrom) and id(node) not in unread:
            assert node.module is not None
            yield node.module.split(".")[0], node.module.split(".")[0] == "flask_apierrors"


def imported_by(statement: str) -> set[str]:
    """The modules that a new interpreter has after a statement."""
    command = [sys.executable, "-c", f"{statement}\nimport sys\nprint(*sys.modules)"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.split())


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down_the_house(module: str) -> None:
    assert module in FLOOR_OF, f"{module}.py has no floor: give it one in {Path(__file__).name}"
    for name, own in imports_of(module):
        if own:
            assert name in FLOOR_OF, f"{module} imports {name}: inside the package, write `from .module import name`"
            assert FLOOR_OF[name] < FLOOR_OF[module], f"{module} imports {name}, which is not below it"


@pytest.mark.parametrize("module", MODULES)
def test_each_module_has_its_tests_in_a_file_of_its_name(module: str) -> None:
    assert Path(__file__).with_name(f"test_{module}.py").is_file()


def test_nothing_imports_the_roof() -> None:
    for module in (*MODULES, "__init__"):
        assert not {name for name, own in imports_of(module) if own} & set(ROOF)


def test_an_optional_dependency_is_imported_in_one_file() -> None:
    where: dict[str, list[str]] = {}
    for module in MODULES:
        for name in {name for name, own in imports_of(module) if not own} - REQUIRED - set(sys.stdlib_module_names):
            where.setdefault(name, []).append(module)
    assert where.keys() <= {"apispec", "jwt", "pytest"}
    assert all(len(modules) == 1 for modules in where.values()), where


def test_importing_the_package_imports_no_more_than_flask() -> None:
    found = imported_by("import flask_apierrors")
    assert "flask_apierrors.extension" in found
    assert not found & {"marshmallow", "flask_limiter", "limits", "jwt", "apispec", "webargs", "redis", "pytest"}


def test_every_public_name_is_there() -> None:
    names = """
        ApiErrors ApiError FieldError InvalidToken Problem consumes current_principal negotiated_type produces raises
        rate_limit requires_auth requires_json requires_permissions
    """
    for name in names.split():
        assert hasattr(flask_apierrors, name)


def test_the_package_says_that_it_is_typed() -> None:
    assert (HOUSE / "py.typed").is_file()
