from __future__ import annotations

import sys
from collections.abc import Iterable

import pytest
from flask import Flask

from flask_apierrors import ApiErrors
from flask_apierrors._core.state import Adapter, AppState
from flask_apierrors._libraries import extensions


def test_each_adapter_has_a_file_of_its_own() -> None:
    modules = [adapt.__module__ for adapt in extensions.ADAPTERS]
    assert len(set(modules)) == len(modules)
    assert all(module.startswith("flask_apierrors._libraries.") for module in modules)


def test_an_adapter_meets_the_app_once_and_before_its_first_request() -> None:
    app, met = Flask("app"), []

    def adapt(flask_app: Flask, state: AppState) -> Iterable[str]:
        met.append((flask_app, state))
        return ()

    ApiErrors(app)
    state = app.extensions["apierrors"]
    state.adapters = (adapt,)
    for _ in range(2):
        app.test_client().get("/")
    assert met == [(app, state)]


@pytest.mark.parametrize("adapt", extensions.ADAPTERS, ids=lambda adapt: adapt.__module__)
def test_an_adapter_imports_no_library(adapt: Adapter, monkeypatch: pytest.MonkeyPatch) -> None:
    library = adapt.__module__.rpartition(".")[2]
    for name in [name for name in sys.modules if name.startswith((library, f"flask_{library}"))]:
        monkeypatch.delitem(sys.modules, name)
    app = Flask("app")
    ApiErrors(app)
    assert list(adapt(app, app.extensions["apierrors"])) == []
    assert f"flask_{library}" not in sys.modules
