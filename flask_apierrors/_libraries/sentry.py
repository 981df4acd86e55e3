"""Sentry: an event and a transaction are found by the request ID, which is a tag."""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

from flask import Flask

from .._core.state import AppState, request_id


def adapt(app: Flask, state: AppState) -> tuple[()]:
    """Tag the events of Sentry's SDK, from version 2.0."""
    sdk: Any = sys.modules.get("sentry_sdk")
    if hasattr(sdk, "get_global_scope"):
        _tag_events(sdk)
        functions = app.teardown_request_funcs.setdefault(None, [])
        if _tag_transaction not in functions:
            functions.append(_tag_transaction)
    return ()


@cache
def _tag_events(sdk: Any) -> None:
    """Tag all events, once in a process: they are sent from any place in a request."""
    sdk.get_global_scope().add_event_processor(_tag_event)


def _tag_event(event: Any, hint: object) -> Any:
    identifier = request_id()
    if identifier is not None:
        event.setdefault("tags", {}).setdefault("request_id", identifier)
    return event


def _tag_transaction(exc: BaseException | None) -> None:
    """Tag the transaction, which ends after the request."""
    span = sys.modules["sentry_sdk"].get_current_scope().span
    transaction, identifier = getattr(span, "containing_transaction", None), request_id()
    if transaction is not None and identifier is not None:
        transaction.set_tag("request_id", identifier)
