from __future__ import annotations

import sys
from types import ModuleType

import pytest
from werkzeug.exceptions import ClientDisconnected

from flask_apierrors._libraries.gunicorn import body_errors, to_client_disconnected


def test_without_gunicorn_there_is_nothing_to_convert(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "gunicorn.http.errors", raising=False)
    assert body_errors() == ()


def test_gunicorns_exceptions_for_bad_bodies_are_the_clients_mistake() -> None:
    errors: ModuleType = pytest.importorskip("gunicorn.http.errors")
    for cls in (
        errors.ParseException,
        errors.NoMoreData,
        errors.ChunkMissingTerminator,
        errors.InvalidChunkSize,
    ):
        assert issubclass(cls, body_errors())
    assert isinstance(to_client_disconnected(errors.NoMoreData()), ClientDisconnected)
