"""What happens before the first request, when all of the author's modules are imported."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import unwrap

from flask import Flask

from .log_records import PackageLogger
from .road import Handler, register_validators
from .state import AppState, app_state, current_flask

#: How many classes and codes of one handler the log names.
_MAX_PLACES = 3
_logger = PackageLogger()


def at_first_request() -> None:
    """Meet the other libraries, log which functions answer errors instead, and put guards on.

    It runs once. While it fails, all requests do.
    """
    app, state = current_flask(), app_state()
    in_libraries = meet_libraries(app, state)
    winners = [*_handlers_of_author(app), *in_libraries]
    if winners:
        _logger.info(
            "These functions answer errors in a shape of their own: %s", "; ".join(winners)
        )
    for step in state.first_steps:
        step(app, state)
    functions = app.before_request_funcs
    # A new list, because Flask iterates over this one.
    functions[None] = [function for function in functions[None] if function is not at_first_request]


def meet_libraries(app: Flask, state: AppState) -> list[str]:
    """Handle what the other libraries of an app raise, and let their own answers yield.

    A second call changes nothing. A version of a library that this package does not know yet takes
    no request down.

    :returns: The names of the author's functions in these libraries that win.
    """
    register_validators(app, state)
    winners: list[str] = []
    for adapt in state.adapters:
        try:
            winners.extend(adapt(app, state))
        except Exception:
            _logger.exception(
                "%s failed: this library may answer errors in a shape of its own", name_of(adapt)
            )
    return winners


def _handlers_of_author(app: Flask) -> Iterator[str]:
    """Yield the name of each error handler that is not this package's, and what it handles."""
    handled: dict[str, list[str]] = {}
    for blueprint, by_code in app.error_handler_spec.items():
        place = f" of blueprint {blueprint}" if blueprint else ""
        for code, by_class in by_code.items():
            for cls, handler in by_class.items():
                if not isinstance(handler, Handler):
                    what = f"errorhandler({code or cls.__name__}){place}"
                    handled.setdefault(name_of(handler), []).append(what)
    for name, places in handled.items():
        more = [f"and {len(places) - _MAX_PLACES} more"] if len(places) > _MAX_PLACES else []
        yield f"{name} ({', '.join(places[:_MAX_PLACES] + more)})"


def name_of(function: object) -> str:
    """Return the module and the name of a function, for a message to its author."""
    function = unwrap(function)  # type: ignore[arg-type]
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{getattr(function, '__module__', '?')}.{name}"
