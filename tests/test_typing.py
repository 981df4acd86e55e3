"""A type checker accepts right uses of the public names, and refuses wrong ones."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
API = ROOT / "tests" / "typing" / "api.py"
#: An ignore that is not needed is an error: then a checker accepts what it should refuse.
PYRIGHT = {
    "include": [str(API)],
    "extraPaths": [str(ROOT)],
    "typeCheckingMode": "standard",
    "enableTypeIgnoreComments": True,
    "reportUnnecessaryTypeIgnoreComment": "error",
}


def errors_of(*command: str) -> str:
    run = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return run.stdout + run.stderr if run.returncode else ""


def test_mypy_refuses_the_marked_lines_and_no_other() -> None:
    pytest.importorskip("mypy", reason="`make lint` installs it")
    assert not errors_of("mypy", "--strict", "--config-file=", str(API))


def test_pyright_refuses_the_marked_lines_and_no_other(tmp_path: Path) -> None:
    pytest.importorskip("basedpyright", reason="`make lint` installs it")
    project = tmp_path / "pyrightconfig.json"
    project.write_text(json.dumps(PYRIGHT))
    assert not errors_of("basedpyright", "-p", str(project), "--pythonpath", sys.executable)


@pytest.mark.parametrize(
    "hook", ["verify_token", "permissions_of", "format", "unavailable_when", "convert"]
)
def test_each_hook_has_examples_that_are_accepted_and_refused(hook: str) -> None:
    lines = re.findall(rf"^@?errors\.{hook}\b.*$", API.read_text("utf-8"), re.MULTILINE)
    refused = [line for line in lines if "# type: ignore" in line]
    assert refused
    assert len(lines) - len(refused) >= 3
