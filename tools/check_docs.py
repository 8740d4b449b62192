#!/usr/bin/env python3
"""Checks that the documents keep up with the code.

  * Every value of the enums of failure has a row in its section of
    docs/failures.md, and every row names a value.
  * Every metrics family has a row in docs/metrics.md, and the other way round.
  * Every key of a JSON access line stands in docs/operations.md.
  * Every path below src/, tests/, tools/, bench/ or docs/ that a document names
    exists, and so does every file that it links to.

Prints `file: what is wrong, and what to do` and exits 1 on any finding.
`--self-test` proves on a made-up tree that each rule can fail.
"""
import argparse
import pathlib
import re
import sys
import tempfile

# (header, enum, heading of its section in docs/failures.md)
ENUMS = [
    ("src/proxy/outcome.hpp", "RefusalCause", "Causes"),
    ("src/proxy/http/refusal.hpp", "Refusal", "Protocol rules"),
    ("src/proxy/ends.hpp", "UpstreamFailure", "Upstream failures"),
    ("src/proxy/ends.hpp", "ClientLoss", "Lost clients"),
]
METRIC_SOURCES = ["src/proxy/proxy_metrics.cpp", "src/app/program_status.cpp",
                  "src/app/program_directory.cpp", "src/app/limit_service.cpp", "src/app/call_service.cpp",
                  "src/proxy/limit_gate.cpp", "src/store/redis_metrics.cpp"]
ACCESS_FORMAT = "src/proxy/access_format.cpp"
FIRST_CELL = re.compile(r"^\|([^|]*)\|", re.M)
WORDS = re.compile(r"`([a-z0-9_]+)`")


def values(text, enum):
    body = re.search(r"enum class %s\b[^{]*\{(.*?)\};" % enum, text, re.S)
    if not body:
        return None
    code = re.sub(r"//[^\n]*", "", body[1])
    return [v for v in re.findall(r"[a-z0-9_]+", code) if v not in ("none", "count_")]


def section(text, heading):
    found = re.search(r"^## %s[^\n]*\n(.*?)(?=^## |\Z)" % re.escape(heading), text, re.S | re.M)
    return found[1] if found else ""


def rows(text):
    return {word for cell in FIRST_CELL.findall(text) for word in WORDS.findall(cell)}


def compare(page, what, code, documented):
    for name in sorted(set(code) - documented):
        yield f"{page}: {what} `{name}` has no row; add one that says what it means"
    for name in sorted(documented - set(code)):
        yield f"{page}: `{name}` is no {what} any more; remove its row"


def check_failures(root):
    page = "docs/failures.md"
    text = (root / page).read_text()
    for header, enum, heading in ENUMS:
        names = values((root / header).read_text(), enum)
        if names is None:
            yield f"{header}: no enum {enum}; change ENUMS in tools/check_docs.py"
            continue
        yield from compare(page, f"{enum} value", names, rows(section(text, heading)))


def check_metrics(root):
    page = "docs/metrics.md"
    code = set()
    for source in METRIC_SOURCES:
        code |= set(re.findall(r'\{?"(marquee_[a-z0-9_]+)"\s*,\s*"', (root / source).read_text()))
    documented = {w for w in rows((root / page).read_text()) if w.startswith("marquee_")}
    yield from compare(page, "metrics family", code, documented)


def check_access_keys(root):
    page = "docs/operations.md"
    keys = re.findall(r'[,{]\\"([a-z_]+)\\":', (root / ACCESS_FORMAT).read_text())
    documented = rows(section((root / page).read_text(), "Access log"))
    yield from compare(page, "key of an access record", keys, documented)


def check_paths(root):
    for file in sorted((root / "docs").rglob("*.md")):
        page = file.relative_to(root).as_posix()
        text = file.read_text()
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            if not (file.parent / link).exists():
                yield f"{page}: links to {link}, which is not there"
        for path in re.findall(r"`((?:src|tests|tools|bench|docs)/[\w./-]+)`", text):
            if not (root / path).exists():
                yield f"{page}: names {path}, which is not there"


def check(root):
    return [finding for rule in (check_failures, check_metrics, check_access_keys, check_paths)
            for finding in rule(root)]


def sample(root):
    """A small tree without findings."""
    def write(path, text):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)

    write("src/proxy/outcome.hpp", "enum class RefusalCause : int {\n  none,\n  slow,  // why\n  count_,\n};")
    write("src/proxy/http/refusal.hpp", "enum class Refusal : int { none, bad, count_ };")
    write("src/proxy/ends.hpp", "enum class UpstreamFailure : int { none, tls, count_ };\n"
                                "enum class ClientLoss : int { none, idle, count_ };")
    write("src/proxy/proxy_metrics.cpp", 'r.counter({"marquee_a_total",\n "Help."})')
    write("src/app/program_status.cpp", 'gauge("marquee_b", "Help.")')
    for source in METRIC_SOURCES[2:]:
        write(source, "")
    write(ACCESS_FORMAT, r'put(out, "{\"time\":\""); put(out, ",\"host\":\"");')
    write("docs/failures.md", "## Causes\n| `slow` | x |\n## Protocol rules\n| `bad` | x |\n"
                              "## Upstream failures\n| `tls` | x |\n## Lost clients\n| `idle` | x |\n")
    write("docs/metrics.md", "| `marquee_a_total` * | x |\n| `marquee_b` | x |\n")
    write("docs/operations.md", "## Access log\n| `time`, `host` | [x](metrics.md#y) |\n"
                                "## More\n`src/proxy/ends.hpp`\n")


def self_test():
    breaks = [
        ("docs/failures.md", "| `slow` | x |", "", "RefusalCause value `slow`"),
        ("docs/failures.md", "| `bad` | x |", "", "Refusal value `bad`"),
        ("docs/failures.md", "| `tls` | x |", "", "UpstreamFailure value `tls`"),
        ("docs/failures.md", "| `idle` | x |", "| `gone` | x |", "`gone` is no ClientLoss"),
        ("src/proxy/ends.hpp", "enum class ClientLoss", "enum class Loss", "no enum ClientLoss"),
        ("docs/metrics.md", "| `marquee_b` | x |", "", "family `marquee_b`"),
        ("src/proxy/proxy_metrics.cpp", "marquee_a", "marquee_c", "`marquee_a_total` is no"),
        ("docs/operations.md", ", `host`", "", "record `host`"),
        ("docs/operations.md", "metrics.md#y", "missing.md#y", "links to missing.md"),
        ("docs/operations.md", "ends.hpp", "begins.hpp", "names src/proxy/begins.hpp"),
    ]
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        sample(root)
        failed = [f"the sample has findings: {check(root)}"] if check(root) else []
        for path, old, new, wanted in breaks:
            sample(root)
            text = (root / path).read_text()
            (root / path).write_text(text.replace(old, new))
            if old not in text or not any(wanted in finding for finding in check(root)):
                failed.append(f"not noticed: {path} without {old}")
    for line in failed:
        print(line)
    print(f"{len(breaks) - len(failed)} of {len(breaks)} breaks noticed")
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    parser.add_argument("--self-test", action="store_true")
    arguments = parser.parse_args()
    if arguments.self_test:
        return self_test()
    findings = check(arguments.root)
    for finding in findings:
        print(finding)
    return 1 if findings else 0


sys.exit(main())
