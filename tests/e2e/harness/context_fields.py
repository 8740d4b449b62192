"""The names by which Marquee speaks to upstreams, read from the code that strips
them (src/proxy/http/field_id.cpp), so that tests and code cannot have two lists."""
import itertools
import pathlib
import re

_SOURCE = (pathlib.Path(__file__).resolve().parents[3] / "src/proxy/http/field_id.cpp").read_text(encoding="ascii")
# What an identity by prefix stands for here: the names of design 9, and one that nobody knows.
_BY_PREFIX = {"x-tenant-": ["agency-id", "client-id", "site-id", "user-id", "role", "context", "anything"],
              "x-forwarded-": ["server", "prefix", "ssl", "anything"]}


def _of_class(name):
    """The names whose FieldClass is `name`."""
    cases = re.search(r"((?:\s*case FieldId::\w+:)+)\s*return FieldClass::%s;" % name, _SOURCE)
    ids = set(re.findall(r"FieldId::(\w+)", cases[1]))
    exact = [n for n, i in re.findall(r'{"([a-z0-9-]+)", FieldId::(\w+)}', _SOURCE) if i in ids]
    prefixes = [p for p, i in re.findall(r'starts_folded\(name, "([a-z-]+)"\)\) return FieldId::(\w+);', _SOURCE)
                if i in ids]
    assert exact or prefixes
    return exact + [p + rest for p in prefixes for rest in _BY_PREFIX[p]]


CONTEXT = _of_class("context")
FORWARDING = _of_class("forwarding")
NAMES = CONTEXT + FORWARDING
assert "x-tenant-context" in CONTEXT and "x-site-id" in CONTEXT and "x-real-ip" in FORWARDING


def spellings(name, *, lower_only=False):
    """The name, and what a server behind may take for it."""
    dashes = [i for i, c in enumerate(name) if c == "-"]
    out = [name, name.replace("-", "_")]
    out += [name[:i] + "_" + name[i + 1:] for i in dashes]
    if not lower_only:
        mixed = "".join(c.upper() if i % 2 else c for i, c in enumerate(name))
        out += [name.upper(), name.title(), mixed, name.upper().replace("-", "_"), name.title().replace("-", "_")]
    return list(dict.fromkeys(out))


def batches(names, size):
    """Several names to a request: a matrix stays a matrix, and ends."""
    names = iter(names)
    while part := list(itertools.islice(names, size)):
        yield part
