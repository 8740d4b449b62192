#!/usr/bin/env python3
"""Checks who includes whom in src/.

  * The rooms stand in one line; a room includes itself and rooms below it.
  * Only app/ includes store/.
  * Pure folders include no Asio.
  * No umbrella headers of Asio and Beast; Beast's message headers (half a
    second of compile time per unit) only in admin/ and in two units at most.

Prints `file:line: what is wrong, and what to do` and exits 1 on any finding.
`--self-test` proves on made-up trees that each rule can fail.
"""
import argparse
import pathlib
import re
import sys
import tempfile

# Highest first. A room may include the rooms that stand after it.
ROOMS = ["app", "store", "admin", "onboarding", "proxy", "brand", "identity", "limits", "tls",
         "routing", "config", "net", "base"]

# Decisions without sockets or clocks; time and bytes come in as arguments.
PURE = ["base", "brand", "limits", "proxy/http", "proxy/policy"]

UMBRELLAS = {
    "boost/asio.hpp": "include the parts that are used, e.g. <boost/asio/io_context.hpp>",
    "boost/asio/ssl.hpp": "include the parts that are used, e.g. <boost/asio/ssl/context.hpp>",
    "boost/beast.hpp": "include the parts that are used, e.g. <boost/beast/http/basic_parser.hpp>",
    "boost/beast/http.hpp": "include the parts that are used, e.g. <boost/beast/http/field.hpp>",
}

# What of Beast's HTTP is light enough for every unit; all else brings messages.
LIGHT_BEAST_HTTP = {"basic_parser", "chunk_encode", "error", "field", "rfc7230", "status", "verb"}
BEAST_MESSAGE_UNITS: list[str] = ["app/demo_upstream.cpp", "net/http_fetch.cpp"]  # paths below src/, two at most
assert len(BEAST_MESSAGE_UNITS) <= 2, "Beast's messages belong behind a plain interface"

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
SOURCES = {".cpp", ".hpp", ".h", ".cc", ".c", ".ipp"}


def may_include(room, other):
    if other == "store" and room not in ("app", "store"):
        return False
    return ROOMS.index(other) >= ROOMS.index(room)


def judge(path, room, quote, target, src):
    """What is wrong with one #include, or None."""
    first = target.split("/")[0]
    ours = quote == '"' or (src / target).is_file()
    if ours:
        if first not in ROOMS or "/" not in target:
            return f'"{target}" names no room; write the path from src/, e.g. "{room}/{target}"'
        if not may_include(room, first):
            return (f"{room}/ may not include {first}/, which stands above it; move the code down, "
                    f"or let {room}/ declare a port that {first}/ implements")
        return None
    if target in UMBRELLAS:
        return f"<{target}> is an umbrella header; {UMBRELLAS[target]}"
    if target.startswith("boost/asio") and any(path.startswith(p + "/") for p in PURE):
        return f"<{target}> in a pure folder; pass the bytes or the time in as arguments"
    beast = re.fullmatch(r"boost/beast/http/(\w+)\.hpp", target)
    if beast and beast[1] not in LIGHT_BEAST_HTTP:
        if room != "admin" and path not in BEAST_MESSAGE_UNITS:
            return (f"<{target}> brings Beast's messages; they stay in admin/ and in the units of "
                    "BEAST_MESSAGE_UNITS in tools/check_layers.py, behind plain interfaces")
    return None


def check(src):
    findings = []
    for entry in sorted(src.iterdir()):
        if entry.is_dir() and entry.name not in ROOMS:
            findings.append(f"src/{entry.name}/: not a room; the rooms are {', '.join(ROOMS)}")
        elif entry.is_file() and entry.suffix in SOURCES:
            findings.append(f"src/{entry.name}: stands in no room; move it into one")
    for file in sorted(f for f in src.rglob("*") if f.suffix in SOURCES):
        path = file.relative_to(src).as_posix()
        room = path.split("/")[0]
        if room not in ROOMS:
            continue
        text = file.read_text(encoding="utf-8", errors="replace")
        for number, line in enumerate(text.splitlines(), 1):
            include = INCLUDE.match(line)
            fault = include and judge(path, room, include[1], include[2], src)
            if fault:
                findings.append(f"src/{path}:{number}: {fault}")
    return findings


def self_test():
    good = {
        "base/a.hpp": "#include <string>\n",
        "net/b.cpp": '#include <net/if.h>\n#include <boost/asio/ip/tcp.hpp>\n#include "base/a.hpp"\n',
        "proxy/codec.cpp": '#include <boost/beast/http/basic_parser.hpp>\n#include "proxy/x.hpp"\n',
        "admin/face.cpp": "#include <boost/beast/http/message.hpp>\n",
        "store/d.cpp": '#include "admin/face.hpp"\n#include "store/d.hpp"\n',
        "app/main.cpp": '#include "store/d.hpp"\n',
    }
    bad = {
        "includes upwards": {"base/a.hpp": '#include "net/b.hpp"\n'},
        "includes upwards, angled": {"base/a.hpp": "#include <net/b.hpp>\n", "net/b.hpp": ""},
        "store outside app": {"admin/a.cpp": '#  include "store/d.hpp"\n'},
        "app from store": {"store/a.cpp": '#include "app/d.hpp"\n'},
        "unknown room": {"attic/a.cpp": "\n"},
        "no room": {"a.cpp": "\n"},
        "relative include": {"net/a.cpp": '#include "b.hpp"\n'},
        "dotted include": {"net/a.cpp": '#include "../base/b.hpp"\n'},
        "asio umbrella": {"net/a.cpp": "#include <boost/asio.hpp>\n"},
        "beast umbrella": {"admin/a.cpp": "#include <boost/beast.hpp>\n"},
        "messages in proxy": {"proxy/a.cpp": "#include <boost/beast/http/read.hpp>\n"},
        "asio in a pure folder": {"proxy/http/a.cpp": "#include <boost/asio/buffer.hpp>\n"},
    }
    wrong = []
    for name, tree in [("good tree", good), *bad.items()]:
        with tempfile.TemporaryDirectory() as folder:
            src = pathlib.Path(folder)
            for path, text in tree.items():
                (src / path).parent.mkdir(parents=True, exist_ok=True)
                (src / path).write_text(text, encoding="utf-8")
            found = check(src)
        expected = 0 if name == "good tree" else 1
        if len(found) != expected:
            wrong.append(f"{name}: expected {expected} findings, got {found}")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--self-test", action="store_true")
    arguments = parser.parse_args()
    src = pathlib.Path(__file__).resolve().parent.parent / "src"
    findings = self_test() if arguments.self_test else check(src)
    print("\n".join(findings) if findings else "layers: clean")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
