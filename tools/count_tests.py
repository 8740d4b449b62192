#!/usr/bin/env python3
"""Adds up the JUnit reports of ctest and pytest and prints, as its last line,
`N passed, N failed` (`, N skipped` when there are any).

A ctest entry that is a doctest program counts as its test cases. What fails
outside its cases (a crash, a leak found at the end) counts as one failure, and
so does a report that is missing or broken: its runner did not get to the end.
Exits 1 when anything failed or nothing ran.
"""
import argparse
import pathlib
import re
import sys
import tempfile
import xml.etree.ElementTree as xml

DOCTEST = re.compile(r"\[doctest\] test cases:\s*\d+\s*\|\s*(\d+) passed\s*\|\s*(\d+) failed")


def count_case(case):
    """(passed, failed, skipped) of one <testcase>"""
    failed = case.find("failure") is not None or case.find("error") is not None
    if case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
        # ctest says "notrun" for a program that was never built, too.
        return (0, 1, 0) if failed else (0, 0, 1)
    doctest = DOCTEST.findall(case.findtext("system-out") or "")
    if doctest:
        passed, faulty = map(int, doctest[-1])
        return passed, max(faulty, 1 if failed else 0), 0
    return (0, 1, 0) if failed else (1, 0, 0)


def count(reports):
    """((passed, failed, skipped), what to say about what is missing)"""
    total, remarks = [0, 0, 0], []
    for report in reports:
        try:
            cases = [count_case(c) for c in xml.parse(report).getroot().iter("testcase")]
        except (OSError, xml.ParseError) as error:
            remarks.append(f"{report}: no whole report, counted as one failure ({error})")
            cases = [(0, 1, 0)]
        for case in cases:
            total = [a + b for a, b in zip(total, case)]
    return tuple(total), remarks


def self_test():
    summary = "[doctest] test cases:  9 | {} passed | {} failed | 0 skipped"
    out = "<testcase name='unit' status='{}'>{}<system-out>{}</system-out></testcase>"
    cases = {
        "<testcase name='a'/>": (1, 0, 0),
        "<testcase name='a'><failure message='x'/></testcase>": (0, 1, 0),
        "<testcase name='a'><error message='x'/></testcase>": (0, 1, 0),
        "<testcase name='a'><skipped/></testcase>": (0, 0, 1),
        "<testcase name='a' status='notrun'><failure/></testcase>": (0, 1, 0),
        out.format("run", "", summary.format(9, 0)): (9, 0, 0),
        out.format("fail", "<failure/>", summary.format(7, 2)): (7, 2, 0),
        out.format("fail", "<failure/>", summary.format(9, 0) + "\nleak"): (9, 1, 0),
        out.format("fail", "<failure/>", "killed"): (0, 1, 0),
        "<cut off": (0, 1, 0),
    }
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.xml"
        for text, expected in cases.items():
            report.write_text(f"<testsuite>{text}</testsuite>", encoding="utf-8")
            if (got := count([report])[0]) != expected:
                wrong.append(f"{text}: expected {expected}, got {got}")
        if (got := count([pathlib.Path(folder) / "none.xml"])[0]) != (0, 1, 0):
            wrong.append(f"missing report: got {got}")
    print("\n".join(wrong) if wrong else "counting: right")
    return 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("reports", nargs="*", type=pathlib.Path)
    arguments = parser.parse_args()
    if arguments.self_test:
        return self_test()
    (passed, failed, skipped), remarks = count(arguments.reports)
    for remark in remarks:
        print(remark)
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
