"""What all tests share: an app as in production, and a parser that takes nothing but RFC 8259."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from hypothesis import settings

from flask_apierrors import ApiErrors

settings.register_profile("project", deadline=None, max_examples=50)
#: ``pytest --hypothesis-profile=thorough``: minutes instead of seconds.
settings.register_profile("thorough", deadline=None, max_examples=5_000)
settings.load_profile("project")


def parse_strictly(text: str | bytes) -> Any:
    """JSON without ``NaN``, ``Infinity`` and double keys; the bytes are ASCII, as every body of the package is."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(pairs) == len(dict(pairs)), "a key occurs twice"
        return dict(pairs)

    decoded = text if isinstance(text, str) else text.decode("ascii")
    return json.loads(decoded, parse_constant=refuse, object_pairs_hook=unique)


@pytest.fixture(scope="session")
def strict_json() -> Callable[[str | bytes], Any]:
    return parse_strictly


@pytest.fixture(scope="session")
def make_app() -> Callable[..., Flask]:
    """``make_app(errors=None, **config)``: an app in production configuration (not TESTING) with the contract."""

    def make(errors: ApiErrors | None = None, **config: Any) -> Flask:
        app = Flask(__name__)
        app.config.update(config)
        (errors or ApiErrors()).init_app(app)
        return app

    return make
