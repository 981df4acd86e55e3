"""The same small API, written with each contender.

==============  ======  ====================================================================
path            method  what happens
==============  ======  ====================================================================
/ok             GET     returns ``{"speed": 12}``
/aborted        GET     aborts with 404 and a text
/crash          GET     raises an exception
/one-field      POST    a marshmallow schema rejects one field
/many-items     POST    a marshmallow schema rejects 1,000 items
/private        GET     requires a Bearer token and a permission
/text-only      GET     produces only ``text/csv`` or JSON
/json-only      POST    accepts only JSON
/guarded        POST    has all of these guards
/unguarded      POST    the same view without guards
==============  ======  ====================================================================
"""
