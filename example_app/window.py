"""The query parameters ``from``, ``to``, and ``limit``."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, NamedTuple

from flask import request
from marshmallow import Schema, ValidationError, fields, post_load, validate

from flask_apierrors.fields import Timestamp

EARLIEST = datetime.min.replace(tzinfo=timezone.utc)
LATEST = datetime.max.replace(tzinfo=timezone.utc)


class Window(NamedTuple):
    """Times in seconds since 1970, without the end. A limit of -1 means no limit, as in SQL."""

    start: float
    end: float
    limit: int = -1


class WindowSchema(Schema):
    start = Timestamp(data_key="from", load_default=EARLIEST)
    end = Timestamp(data_key="to", load_default=LATEST)
    limit = fields.Integer(load_default=1_000, validate=validate.Range(1, 10_000))

    @post_load
    def make_window(self, data: dict[str, Any], **_: Any) -> Window:
        start, end = data.pop("start"), data.pop("end")
        if start >= end:
            raise ValidationError("'from' must be earlier than 'to'.")
        return Window(start.timestamp(), end.timestamp(), **data)


def requested_window(*, without: tuple[str, ...] = ()) -> Window:
    """Return the times and the limit that the client asks for.

    :raises ValidationError: If a parameter is unknown or invalid.
    """
    window: Window = WindowSchema(exclude=without).load(request.args)
    return window


def iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat().replace("+00:00", "Z")
