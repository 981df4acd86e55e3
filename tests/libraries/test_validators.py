from __future__ import annotations

from pathlib import Path

from marshmallow import ValidationError

import flask_apierrors
from flask_apierrors._libraries.validators import VALIDATORS, validation_errors


def test_every_validator_has_a_file_of_its_name() -> None:
    folder = Path(flask_apierrors.__file__).parent / "_libraries"
    for validator in VALIDATORS:
        module = type(validator).__module__.rpartition(".")[2]
        assert module == type(validator).__name__.lower()
        assert (folder / f"{module}.py").is_file()


def test_marshmallows_exception_is_one_of_a_validator() -> None:
    assert ValidationError in validation_errors()
