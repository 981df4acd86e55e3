"""Log records: each says which request it belongs to, and no client can forge one."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from flask import current_app, has_request_context

from .state import current_request, request_id_of
from .text import printable

#: The message of a crash, which is Flask's, too, and those of an answer and a receiver that fail.
CRASH, FAILED_ANSWER = "Exception on %s [%s]", "Answering %s [%s] failed"
FAILED_RECEIVER = "A receiver of error_answered failed for %s [%s]"
_ID = "_apierrors_request_id"


class PackageLogger:
    """The logger of this package, made when it is used.

    ``dictConfig`` and ``fileConfig`` switch off the loggers that exist, unless they are told not
    to. A logger that is made at import would be silent in most apps that configure logging.
    """

    def __getattr__(self, name: str) -> Any:
        return getattr(logging.getLogger("flask_apierrors"), name)


class RequestRecord(logging.LogRecord):
    """A record with the attribute ``request_id``.

    It is not there from the start: ``extra={"request_id": ...}`` would be a ``KeyError``.
    """

    def __getattr__(self, name: str) -> Any:
        if name == "request_id":
            return vars(self).get(_ID, "-")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def getMessage(self) -> str:
        """Return the message. Formatters call this before they read the attributes."""
        vars(self).setdefault("request_id", vars(self).pop(_ID, "-"))
        return super().getMessage()


#: The classes of records, and those with the attribute.
_CLASSES: dict[type[logging.LogRecord], type[RequestRecord]] = {logging.LogRecord: RequestRecord}


class RecordFactory:
    """Makes the records of all loggers.

    :param factory: Makes a record without the ID: the class of :mod:`logging`, or another library's
        factory.
    """

    def __init__(self, factory: Callable[..., logging.LogRecord]) -> None:
        self._factory = factory

    def __call__(self, *args: Any, **options: Any) -> logging.LogRecord:
        """Make a record. It has the ID now, because it may be formatted after the request."""
        record = self._factory(*args, **options)
        app = current_app.extensions.get("apierrors") if has_request_context() else None
        if app is not None:
            identifier = request_id_of(current_request(), app)
            vars(record)[_ID] = identifier or "-"
            if record.exc_info:
                _complete_crash(record, identifier)
        if not isinstance(record, RequestRecord):
            record.__class__ = _with_id(type(record))
        return record


def _with_id(cls: type[logging.LogRecord]) -> type[RequestRecord]:
    if cls not in _CLASSES:
        _CLASSES[cls] = type(cls.__name__, (RequestRecord, cls), {})
    return _CLASSES[cls]


def _complete_crash(record: logging.LogRecord, identifier: str | None) -> None:
    """Add the ID to the message of a crash, and keep the path from beginning a line of its own."""
    req = current_request()
    for template in (CRASH, FAILED_ANSWER, FAILED_RECEIVER):
        if record.msg in (template, template % (req.path, req.method)):
            record.msg, record.args = template, (printable(req.path), printable(req.method))
            if identifier is not None:
                record.msg += " (request ID %s)"
                record.args += (identifier,)


def use_request_records() -> None:
    """Let the records of all loggers have the ID of their request."""
    factory = logging.getLogRecordFactory()
    if not isinstance(factory, RecordFactory):
        logging.setLogRecordFactory(RecordFactory(factory))
