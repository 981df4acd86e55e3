"""Promises to users of Flask-Compress: errors are sent whole, and what it compresses stays so."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from flask import Flask, abort
from flask_compress import Compress

from flask_apierrors import ApiErrors, produces

GZIP = {"Accept-Encoding": "gzip"}


def compress_app(*, first: bool) -> Flask:
    app = Flask("app")
    app.config["COMPRESS_MIN_SIZE"] = 1
    for init in (ApiErrors, Compress) if first else (Compress, ApiErrors):
        init(app)
    app.add_url_rule("/large", "large", lambda: {"text": "x" * 2_000})
    app.add_url_rule("/negotiated", "negotiated", produces("application/json")(lambda: {"a": 1}))
    app.add_url_rule("/gone", "gone", lambda: abort(410, "x" * 2_000))
    return app


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("path", ["/nowhere", "/gone"])
def test_the_length_of_an_error_is_that_of_what_is_sent(first: bool, path: str) -> None:
    response = compress_app(first=first).test_client().get(path, headers=GZIP)
    assert response.is_json
    assert "Content-Encoding" not in response.headers
    assert int(response.headers["Content-Length"]) == len(response.data)
    assert set(", ".join(response.headers.getlist("Vary")).split(", ")) == {
        "Accept",
        "Accept-Encoding",
    }


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("path", ["/large", "/negotiated"])
def test_what_it_compresses_is_left_alone(first: bool, path: str) -> None:
    response: Any = compress_app(first=first).test_client().get(path, headers=GZIP)
    assert response.headers["Content-Encoding"] == "gzip"
    assert json.loads(gzip.decompress(response.data))
    assert int(response.headers["Content-Length"]) == len(response.data)
    assert "Accept-Encoding" in ", ".join(response.headers.getlist("Vary"))
