"""The same small API, written with each of the contenders.

==============  ======  ====================================================================
path            method  what happens
==============  ======  ====================================================================
/ok             GET     ``{"speed": 12}``
/aborted        GET     the view aborts with 404 and a text
/crash          GET     the view raises
/one-field      POST    a marshmallow schema refuses one field
/many-items     POST    a marshmallow schema refuses a thousand items
/private        GET     Bearer token and a permission
/text-only      GET     makes ``text/csv`` or JSON, nothing else
/json-only      POST    takes JSON, nothing else
/guarded        POST    all of these guards
/unguarded      POST    the same view without
==============  ======  ====================================================================
"""
