"""The schemas, texts, and tokens that all contenders share."""

from __future__ import annotations

from marshmallow import Schema, fields


class Item(Schema):
    limit = fields.Integer(required=True)


class Batch(Schema):
    items = fields.List(fields.Nested(Item))


ABORT_TEXT = "No vessel with this number is registered."
OK = {"speed": 12}

GOOD_TOKEN = "good-token"
POOR_TOKEN = "poor-token"
PERMISSION = "measurements:read"
PRINCIPALS = {
    GOOD_TOKEN: {"sub": "reader", "permissions": [PERMISSION]},
    POOR_TOKEN: {"sub": "guest", "permissions": []},
}
