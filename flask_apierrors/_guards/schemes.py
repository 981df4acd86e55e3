"""The authentication schemes that an app can use.

To add a scheme, add a file with a class that has the methods of
:class:`~flask_apierrors._core.scheme.Scheme`, and name it here.
"""

from __future__ import annotations

from .._core.scheme import Scheme
from .bearer import Bearer

SCHEMES: tuple[type[Scheme], ...] = (Bearer,)
