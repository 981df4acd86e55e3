"""The ``traceparent`` header of W3C Trace Context, which names the trace of a request."""

from __future__ import annotations

import re

# Version ff, and IDs of zeros alone, are invalid. Version 00 ends after the flags. A later one may
# go on after another "-".
_TRACEPARENT = re.compile(
    r"(?!ff|00.{54})[0-9a-f]{2}"
    r"-(?!0{32})(?P<trace_id>[0-9a-f]{32})"
    r"-(?!0{16})[0-9a-f]{16}"
    r"-[0-9a-f]{2}(-.*)?"
)


def trace_id_of(traceparent: str) -> str | None:
    """Return the trace ID of a ``traceparent`` header (W3C Trace Context, section 3.2).

    :returns: 32 hexadecimal digits, or ``None`` if the header is invalid.
    """
    match = _TRACEPARENT.fullmatch(traceparent)
    return match["trace_id"] if match else None
