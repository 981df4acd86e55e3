"""marshmallow schemas with the shapes that the tests of validators need."""

from __future__ import annotations

import marshmallow as ma
from marshmallow import fields, validate


class Position(ma.Schema):
    lat = fields.Float(required=True)
    lon = fields.Float(data_key="longitude")


class Reading(ma.Schema):
    name = fields.Str(required=True)
    key = fields.Int()
    value = fields.Int()
    position = fields.Nested(Position)


class Order(ma.Schema):
    limit = fields.Int()
    items = fields.List(fields.Nested(Reading))
    numbers = fields.List(fields.Int())
    prices = fields.Dict(
        keys=fields.Str(validate=validate.Length(max=3, error="Too long.")), values=fields.Int()
    )
    vessels = fields.Dict(values=fields.Nested(Reading))
    lists = fields.Dict(values=fields.List(fields.Int()))
    tables = fields.Dict(values=fields.Dict(values=fields.Int()))
    list_of_tables = fields.List(fields.Dict(values=fields.Int()))
