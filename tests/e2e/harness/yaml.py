"""Writes block YAML from plain Python values (Debian's python3 has no reader
or writer of it). Strings are double-quoted in JSON's way, which YAML shares."""
import json
import re

_PLAIN_KEY = re.compile(r"^[A-Za-z_][A-Za-z0-9_-]*$")


class Text(str):
    """Written as it stands, unquoted."""


def dump(value):
    return "\n".join(_lines(value)) + "\n"


def _scalar(value):
    if isinstance(value, Text):
        return str(value)
    if value is None:
        return "~"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    return json.dumps(value, ensure_ascii=False)


def _lines(value):
    if isinstance(value, dict) and value:
        for key, item in value.items():
            name = key if _PLAIN_KEY.match(key) else json.dumps(key)
            if isinstance(item, (dict, list)) and item:
                yield f"{name}:"
                yield from ("  " + line for line in _lines(item))
            else:
                yield f"{name}: {next(_lines(item))}"
    elif isinstance(value, list) and value:
        for item in value:
            lines = list(_lines(item))
            yield f"- {lines[0]}"
            yield from ("  " + line for line in lines[1:])
    elif isinstance(value, dict):
        yield "{}"
    elif isinstance(value, list):
        yield "[]"
    else:
        yield _scalar(value)
