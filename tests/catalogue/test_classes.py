"""The error classes of one app among those of several."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from flask import Flask, current_app

from flask_apierrors import ApiError, ApiErrors
from flask_apierrors._catalogue.classes import classes_of

_MODULES = {
    "company/__init__.py": "",
    "company/errors.py": """
from flask_apierrors import ApiError
class Shared(ApiError): pass
""",
    "company/shop/__init__.py": "",
    "company/shop/errors.py": """
from flask_apierrors import ApiError
from ..errors import Shared
class SoldOut(ApiError): pass
""",
    "company/shop/views.py": """
from . import errors
from .models import find
def view():
    return find()
""",
    "company/shop/models.py": """
from flask_apierrors import ApiError
class Lost(ApiError): pass
def find(): pass
""",
    "company/admin.py": """
from flask_apierrors import ApiError
class Secret(ApiError): pass
def view(): pass
""",
}


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, ModuleType]]:
    """A package with two apps."""
    for name, text in _MODULES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    names = ("company.shop.views", "company.admin")
    yield {name: __import__(name, fromlist=["*"]) for name in names}
    for name in [name for name in sys.modules if name.partition(".")[0] == "company"]:
        del sys.modules[name]


def names_of(app: Flask) -> set[str]:
    return {cls.__name__ for cls in classes_of(app.extensions["apierrors"])}


def app_of(import_name: str) -> Flask:
    app = Flask(import_name)
    ApiErrors(app)
    return app


def test_each_app_has_the_classes_that_its_modules_import(company: dict[str, ModuleType]) -> None:
    shop, admin = app_of("company.shop"), app_of("company")
    shop.add_url_rule("/x", view_func=company["company.shop.views"].view)
    admin.add_url_rule("/x", view_func=company["company.admin"].view)
    assert names_of(shop) == {"Shared", "SoldOut", "Lost"}
    assert names_of(admin) == {"Secret"}


def test_hooks_and_handlers_and_converters_are_of_the_app(company: dict[str, ModuleType]) -> None:
    view = company["company.shop.views"].view
    hooked, handled, converted = app_of("nothing"), app_of("nothing"), Flask("nothing")
    hooked.before_request(view)
    handled.register_error_handler(404, view)
    errors = ApiErrors(converted)
    errors.convert(KeyError)(view)
    for app in (hooked, handled, converted):
        assert names_of(app) == {"Shared", "SoldOut", "Lost"}


def test_classes_in_a_closure_are_found() -> None:
    class Local(ApiError): ...

    def view() -> Any:
        return Local, later, current_app

    app = app_of("nothing")
    app.add_url_rule("/x", view_func=view)
    view.__wrapped__ = view  # type: ignore[attr-defined]
    assert names_of(app) == {"Local"}
    later = 1
