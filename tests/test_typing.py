"""A type checker accepts right uses of the public names, and refuses wrong ones."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
API = ROOT / "tests" / "typing" / "api.py"
COMMANDS = {
    "mypy": (sys.executable, "-m", "mypy", "--strict", "--config-file="),
    "pyright": (sys.executable, "-m", "pyright", "--pythonpath", sys.executable),
}


@pytest.mark.parametrize("checker", COMMANDS)
def test_a_type_checker_refuses_the_marked_lines_and_no_other(checker: str) -> None:
    pytest.importorskip(checker, reason="`make lint` installs it")
    run = subprocess.run(
        [*COMMANDS[checker], str(API)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(
    "hook", ["verify_token", "permissions_of", "format", "unavailable_when", "convert"]
)
def test_each_hook_has_examples_that_are_accepted_and_refused(hook: str) -> None:
    lines = re.findall(rf"^@?errors\.{hook}\b.*$", API.read_text("utf-8"), re.MULTILINE)
    refused = [line for line in lines if "# type: ignore" in line]
    assert refused
    assert len(lines) - len(refused) >= 3
