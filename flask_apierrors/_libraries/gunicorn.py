"""gunicorn: what it raises in a view that reads a body."""

from __future__ import annotations

import sys

#: Before gunicorn 27, the last two are no parse exceptions.
_NAMES = ("ParseException", "NoMoreData", "InvalidChunkSize", "ChunkMissingTerminator")


def body_errors() -> tuple[type[Exception], ...]:
    """Return gunicorn's exceptions for a chunked body that is malformed or truncated."""
    errors = sys.modules.get("gunicorn.http.errors")
    return tuple(getattr(errors, name) for name in _NAMES) if errors else ()
