#!/usr/bin/env python3
"""Checks that files stay readable and that names say something.

  * A file of more than 400 lines is mentioned, one of more than 600 fails.
  * No file, class or struct is called manager, util, helper, common or misc:
    such a name says that nobody decided what the thing is for.

Exits 1 on a failure, 0 otherwise (mentions included). `--self-test` proves on
made-up trees that each rule can fail.
"""
import argparse
import pathlib
import re
import sys
import tempfile

WARN_LINES = 400
FAIL_LINES = 600
FOLDERS = ["src", "tests", "bench", "tools", "cmake", "web", "packaging"]
SOURCES = {".cpp", ".hpp", ".c", ".h", ".py", ".sh", ".js", ".css", ".html", ".cmake"}
VAGUE = {"manager", "managers", "util", "utils", "utility", "utilities", "helper", "helpers",
         "common", "misc"}
TYPE = re.compile(r"\b(?:class|struct|union|enum)\s+(?:\[\[[^\]]*\]\]\s*)?([A-Z]\w*)")
NOT_CODE = re.compile(r'"[^"]*"|//.*|#\s.*')  # strings and comments
NOT_OURS = {"build", "vendor", "node_modules", "results", "seeds", "__pycache__"}


def words(name):
    """`ConnectionManager`, `connection_manager` -> {"connection", "manager"}"""
    return {w.lower() for w in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def sources(root):
    for single in (root / "dev", root / ".ci" / "run"):
        if single.is_file():
            yield single
    for folder in FOLDERS:
        for file in sorted((root / folder).rglob("*")):
            inside = set(file.relative_to(root).parts[:-1])
            if file.is_file() and file.suffix in SOURCES and not inside & NOT_OURS:
                yield file


def check(root):
    failures, mentions = [], []
    for file in sources(root):
        path = file.relative_to(root)
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        if len(lines) > FAIL_LINES:
            failures.append(f"{path}: {len(lines)} lines, more than {FAIL_LINES}; split it by what "
                            "its parts decide")
        elif len(lines) > WARN_LINES:
            mentions.append(f"{path}: {len(lines)} lines; from {FAIL_LINES + 1} on this fails")
        for part in path.parts:
            vague = words(part.split(".")[0]) & VAGUE
            if vague:
                failures.append(f"{path}: '{vague.pop()}' in a name says nothing; name what it does")
        for number, line in enumerate(lines, 1):
            for name in TYPE.findall(NOT_CODE.sub("", line)):
                vague = words(name) & VAGUE
                if vague:
                    failures.append(f"{path}:{number}: '{vague.pop()}' in {name} says nothing; name "
                                    "what it does")
    return failures, mentions


def self_test():
    cases = {  # name -> (tree, failures, mentions)
        "good": ({"src/net/pool.hpp": "class BufferPool {};\n// class Manager is a bad name\n" * 200,
                  "src/net/commonwealth.hpp": "struct Community;\n"}, 0, 0),
        "long": ({"src/net/a.cpp": "\n" * 401}, 0, 1),
        "too long": ({"src/net/a.cpp": "\n" * 601}, 1, 0),
        "too long script": ({"dev": "\n" * 601}, 1, 0),
        "file": ({"src/net/string_util.hpp": "\n"}, 1, 0),
        "folder": ({"src/common/a.hpp": "\n"}, 1, 0),
        "class": ({"src/net/a.hpp": "class ConnectionManager {\n"}, 1, 0),
        "struct": ({"tests/a.hpp": "struct TlsHelper final {\n"}, 1, 0),
        "enum": ({"src/net/a.hpp": "enum class [[nodiscard]] Misc { a };\n"}, 1, 0),
    }
    wrong = []
    for name, (tree, failures, mentions) in cases.items():
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for path, text in tree.items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text, encoding="utf-8")
            found = check(root)
        if [len(f) for f in found] != [failures, mentions]:
            wrong.append(f"{name}: expected {failures} failures and {mentions} mentions, got {found}")
    return wrong, []


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--self-test", action="store_true")
    arguments = parser.parse_args()
    root = pathlib.Path(__file__).resolve().parent.parent
    failures, mentions = self_test() if arguments.self_test else check(root)
    for line in mentions:
        print(f"mention: {line}")
    print("\n".join(failures) if failures else "sizes and names: clean")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
