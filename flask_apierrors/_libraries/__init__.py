"""Other libraries: each in one file, the only place that names it.

To support another validator, add a file with a class that has the methods of
:class:`~flask_apierrors._core.validation.Validator`, and name it in ``validators.py``. To let the
default answers of another Flask extension yield to the contract, add a file with a function
``adapt``, and name it in ``extensions.py``. To let the catalogue know another library's guards, add
a function ``guard_mark``, and name it in ``guards.py``. To support another library that writes
OpenAPI documents, add a file with a function ``declared_code``, and name it in ``openapi.py``.
"""
