"""Checks answers against an OpenAPI document: as much of JSON Schema as docs/api/openapi.json uses."""

import json
import pathlib

DOCUMENT = pathlib.Path(__file__).resolve().parents[3] / "docs" / "api" / "openapi.json"

TYPES = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool}


class Document:
    def __init__(self):
        self.content = json.loads(DOCUMENT.read_text())

    def operations(self):
        """Of each: method, path with its names in braces, description."""
        for path, methods in self.content["paths"].items():
            for method, operation in methods.items():
                yield method.upper(), path, operation

    def check_reply(self, operation: dict, reply):
        """What is wrong with the reply; nothing if it is as described."""
        described = operation["responses"].get(str(reply.status)) or operation["responses"]["default"]
        (kind, content), = described["content"].items()
        if reply.header("content-type") != kind:
            return [f"{reply.status} has the type {reply.header('content-type')}, not {kind}"]
        if kind not in ("application/json", "application/problem+json"):
            return []
        return list(self.problems(content["schema"], json.loads(reply.text), "answer"))

    def problems(self, schema: dict, value, where: str):
        if "$ref" in schema:
            schema = self.content["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        if "type" in schema and not self._is(value, schema["type"]):
            yield f"{where} is {value!r}, not of type {schema['type']}"
            return
        if "enum" in schema and value not in schema["enum"]:
            yield f"{where} is {value!r}, none of {schema['enum']}"
        if isinstance(value, dict):
            properties = schema.get("properties", {})
            for name in schema.get("required", []):
                if name not in value:
                    yield f"{where} lacks {name}"
            for name, member in value.items():
                if name in properties:
                    yield from self.problems(properties[name], member, f"{where}.{name}")
                elif isinstance(schema.get("additionalProperties"), dict):
                    yield from self.problems(schema["additionalProperties"], member, f"{where}.{name}")
                elif properties:
                    yield f"{where}.{name} is not described"
        if isinstance(value, list):
            for i, member in enumerate(value):
                yield from self.problems(schema.get("items", {}), member, f"{where}[{i}]")

    @staticmethod
    def _is(value, kind: str) -> bool:
        if isinstance(value, bool):
            return kind == "boolean"
        return isinstance(value, TYPES[kind])
