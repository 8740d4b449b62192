"""Answers of the admin API against its own OpenAPI 3.1 document. Of JSON Schema
(2020-12) only what the document uses; a keyword that is not known here fails, so
that nothing is passed over in silence."""
import json
import re

_KNOWN = {"$ref", "type", "description", "properties", "required", "additionalProperties", "items", "maxItems",
          "enum", "oneOf", "minimum", "maximum", "maxLength"}
_TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None),
          "integer": int, "number": (int, float)}


class Mismatch(AssertionError):
    pass


class Description:
    def __init__(self, text):
        self.document = json.loads(text)
        assert self.document["openapi"].startswith("3.1.")
        for schema in self.document["components"]["schemas"].values():
            self._keywords(schema)

    def operations(self):
        """{(METHOD, path)} of all that is described."""
        return {(method.upper(), path) for path, item in self.document["paths"].items() for method in item}

    def check_answer(self, method, target, answer):
        """`answer` is what the operation promises for its status."""
        operation = self._operation(method, target.partition("?")[0])
        responses = operation["responses"]
        described = responses.get(str(answer.status)) or responses.get("default")
        if described is None:
            raise Mismatch(f"{method} {target}: {answer.status} is not described")
        content = described.get("content")
        if content is None:
            if answer.body:
                raise Mismatch(f"{method} {target}: {answer.status} has a body")
            return
        kind = answer.field("content-type")
        if kind not in content:
            raise Mismatch(f"{method} {target}: {answer.status} is {kind}, described are {sorted(content)}")
        for name in described.get("headers", {}):
            if answer.field(name) is None:
                raise Mismatch(f"{method} {target}: {answer.status} lacks {name}")
        if "json" in kind:
            self.check(answer.json(), content[kind]["schema"], f"{method} {target} {answer.status}")

    def _operation(self, method, path):
        for form, item in self.document["paths"].items():
            pattern = "[^/]+".join(re.escape(part) for part in re.split(r"\{\w+\}", form))
            if re.fullmatch(pattern, path) and method.lower() in item:
                return item[method.lower()]
        raise Mismatch(f"{method} {path} is not described")

    def _keywords(self, schema):
        unknown = set(schema) - _KNOWN
        assert not unknown, f"keywords that this validator does not know: {unknown}"
        inner = list(schema.get("properties", {}).values()) + schema.get("oneOf", [])
        for key in ("items", "additionalProperties"):
            if isinstance(schema.get(key), dict):
                inner.append(schema[key])
        for one in inner:
            self._keywords(one)

    def check(self, value, schema, where):
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            return self.check(value, self.document["components"]["schemas"][name], where)
        if "oneOf" in schema:
            faults = [self._fault(value, one, where) for one in schema["oneOf"]]
            if faults.count(None) != 1:
                raise Mismatch(f"{where}: fits {faults.count(None)} of oneOf: {faults}")
        if "type" in schema:
            kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
            if not any(self._is(value, kind) for kind in kinds):
                raise Mismatch(f"{where}: {value!r} is not {kinds}")
        if "enum" in schema and value not in schema["enum"]:
            raise Mismatch(f"{where}: {value!r} is not among {schema['enum']}")
        if isinstance(value, str) and len(value) > schema.get("maxLength", len(value)):
            raise Mismatch(f"{where}: is too long")
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
                raise Mismatch(f"{where}: {value} is out of bounds")
        if isinstance(value, list):
            if len(value) > schema.get("maxItems", len(value)):
                raise Mismatch(f"{where}: has too many items")
            for i, item in enumerate(value):
                self.check(item, schema.get("items", {}), f"{where}[{i}]")
        if isinstance(value, dict):
            self._check_object(value, schema, where)

    def _check_object(self, value, schema, where):
        missing = set(schema.get("required", [])) - set(value)
        if missing:
            raise Mismatch(f"{where}: lacks {sorted(missing)}")
        known = schema.get("properties", {})
        for key, inner in value.items():
            rest = schema.get("additionalProperties", {})
            if key not in known and rest is False:
                raise Mismatch(f"{where}: has {key}, which is not described")
            self.check(inner, known.get(key, rest if isinstance(rest, dict) else {}), f"{where}.{key}")

    def _fault(self, value, schema, where):
        try:
            self.check(value, schema, where)
        except Mismatch as fault:
            return str(fault)
        return None

    @staticmethod
    def _is(value, kind):
        if kind in ("integer", "number") and isinstance(value, bool):
            return False
        return isinstance(value, _TYPES[kind])
