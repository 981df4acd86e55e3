"""What several tests read in an OpenAPI document."""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator

Json = dict[str, Any]


def resolved(node: Any, document: Json) -> Any:
    """A part of a document, with its references followed."""
    if isinstance(node, list):
        return [resolved(item, document) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        target: Any = document
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        return resolved(target, document)
    return {name: resolved(member, document) for name, member in node.items()}


def response_of(document: Json, path: str, method: str, status: int) -> Json:
    response: Json = resolved(document["paths"][path][method]["responses"][str(status)], document)
    return response


def accepts(schema: Json, value: Any) -> bool:
    return bool(Draft202012Validator(schema).is_valid(value))
