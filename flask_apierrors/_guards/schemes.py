"""The authentication schemes that a guard accepts: those of the app, or some by their names."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from .._core.marks import Mark
from .._core.scheme import Scheme, words_of
from .._core.state import AppState


def accepted(app: AppState, names: Collection[str]) -> tuple[Scheme, ...]:
    """Return the schemes of an app that a guard accepts.

    :param names: The names of the schemes, in lower case. Without names, all schemes are accepted.
    :raises RuntimeError: if the app has no scheme, or not all of the named ones.
    """
    schemes = app.schemes
    if not schemes:
        raise RuntimeError(
            "A guard needs to know the client, but the app has no way to authenticate. Register "
            "one, such as a function that verifies tokens with @errors.verify_token."
        )
    if not names:
        return schemes
    registered = [scheme.name.lower() for scheme in schemes]
    for name in names:
        if name not in registered:
            raise RuntimeError(
                f"A guard accepts the scheme {name!r}, which the app does not have. It has: "
                f"{', '.join(registered)}."
            )
    return named_schemes(app, names)


def mark_with_schemes(mark: Mark, app: AppState, names: Sequence[str], rest: str = "") -> Mark:
    """Return the mark of a guard with what it means for the schemes of an app.

    :param names: The names of the schemes that the guard accepts.
    :param rest: What else the guard needs, in words.
    """
    schemes = named_schemes(app, names)
    return replace(
        mark,
        errors=tuple({type(scheme.refusal()): None for scheme in schemes}),
        condition=f"Needs {words_of(schemes) if schemes else 'authentication'}{rest}.",
        security={scheme.name: scheme.security_scheme for scheme in schemes},
    )


def optional_mark(mark: Mark, app: AppState, names: Sequence[str] = ()) -> Mark:
    """Return the mark of a guard that lets requests without credentials pass, or seems to.

    :param names: The names of the schemes that the guard accepts.
    """
    schemes = named_schemes(app, names)
    refusals = {type(scheme.refusal()): None for scheme in schemes}
    return replace(
        mark,
        errors=tuple(refusals) if 401 in mark.statuses else (),
        condition=f"Takes {words_of(schemes) if schemes else 'credentials'}, but needs none.",
        security={scheme.name: scheme.security_scheme for scheme in schemes},
    )


def named_schemes(app: AppState, names: Collection[str]) -> tuple[Scheme, ...]:
    """Return the schemes of an app that have one of these names, or all without names."""
    wanted = [name.lower() for name in names]
    return tuple(scheme for scheme in app.schemes if not names or scheme.name.lower() in wanted)
