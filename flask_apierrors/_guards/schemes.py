"""The authentication schemes that a guard accepts: those of the app, or some by their names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .._core.errors import InvalidToken
from .._core.marks import Mark
from .._core.scheme import Scheme
from .._core.state import AppState


def accepted(app: AppState, names: Sequence[str]) -> tuple[Scheme, ...]:
    """Return the schemes of an app that a guard accepts.

    :param names: The names of the schemes, in any case. Without names, all schemes are accepted.
    """
    if not names:
        return app.schemes
    wanted = [name.lower() for name in names]
    return tuple(scheme for scheme in app.schemes if scheme.name.lower() in wanted)


def check_accepted(app: AppState, names: Sequence[str]) -> None:
    """Check that an app has the schemes that a guard accepts.

    :raises RuntimeError: if it has none, or not all of the named ones.
    """
    registered = [scheme.name for scheme in app.schemes]
    if not registered:
        raise RuntimeError(
            "A guard needs to know the client, but the app has no way to authenticate. Register "
            "one, such as a function that verifies tokens with @errors.verify_token."
        )
    for name in names:
        if name.lower() not in [scheme.lower() for scheme in registered]:
            raise RuntimeError(
                f"A guard accepts the scheme {name!r}, which the app does not have. It has: "
                f"{', '.join(registered)}."
            )


def mark_with_schemes(mark: Mark, app: AppState, names: Sequence[str], rest: str = "") -> Mark:
    """Return the mark of a guard with what it means for the schemes of an app.

    :param names: The names of the schemes that the guard accepts.
    :param rest: What else the guard needs, in words.
    """
    schemes = accepted(app, names)
    credentials = " or ".join(scheme.credentials_name for scheme in schemes)
    return replace(
        mark,
        errors=(InvalidToken,) if any(scheme.name == "Bearer" for scheme in schemes) else (),
        condition=f"Needs {credentials or 'authentication'}{rest}.",
        security={scheme.name: scheme.security_scheme for scheme in schemes},
    )
