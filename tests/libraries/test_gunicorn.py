from __future__ import annotations

import sys

import pytest

from flask_apierrors._libraries.gunicorn import body_errors


def test_without_gunicorn_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "gunicorn.http.errors", raising=False)
    assert body_errors() == ()


def test_each_exception_for_a_bad_chunk_is_among_them() -> None:
    errors = pytest.importorskip("gunicorn.http.errors")
    for cls in (
        errors.ParseException,
        errors.NoMoreData,
        errors.ChunkMissingTerminator,
        errors.InvalidChunkSize,
    ):
        assert issubclass(cls, body_errors())
