"""A decision as JUnit XML: one test case per variant and data set."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from ganbench.comparison.cell_decisions import sentence
from ganbench.comparison.markdown import printable
from ganbench.comparison.model import CellDecision, CellStatus, Decision, PrimaryTest
from ganbench.comparison.verdicts import p_words

_ELEMENTS: dict[CellStatus, str] = {
    "regression": "failure",
    "not comparable": "error",
    "incomplete": "error",
    "insufficient evidence": "skipped",
    "no baseline": "skipped",
}
"""What stands in a test case of each status; nothing in one that passed."""
_COUNTED = {"failures": "failure", "errors": "error", "skipped": "skipped"}


def junit(decision: Decision) -> bytes:
    """The XML.  Failures are regressions; errors are what could not be compared, or is incomplete.

    A cell in which no break could have gone red is skipped, as is one without a baseline.
    """
    tests = {(j.variant, test.dataset): (test, j.threshold) for j in decision.judgements for test in j.tests}
    cases = [_case(cell, tests.get((cell.variant, cell.dataset))) for cell in decision.cells]
    if all(cell.status == "no baseline" for cell in decision.cells):
        cases.append(_refused("; ".join(decision.reasons), decision.word))
    return _document(cases)


def refusal_xml(message: str, exit_code: int) -> bytes:
    """The XML of a gate that could not run."""
    return _document([_refused(message, f"exit code {exit_code}")])


def _case(cell: CellDecision, tested: tuple[PrimaryTest, float] | None) -> Element:
    case = _element(
        "testcase", name=f"{cell.variant} on {cell.dataset}", classname=f"ganbench.{cell.dataset}"
    )
    kind = _ELEMENTS.get(cell.status)
    if kind is not None:
        case.append(_element(kind, message=sentence(cell), type=cell.status))
    told = sentence(cell) if kind else ""
    said = [f"{cell.quantity}: {cell.verdict.words}", *cell.notes]
    numbers = [words for words in said if words.removeprefix(f"{cell.quantity}: ") not in told]
    if tested is not None:
        test, threshold = tested
        numbers += [
            f"p {p_words(test.p)}; {p_words(threshold)} needed; adjusted {p_words(test.adjusted)}",
            f"smallest p that a break could reach: {p_words(test.smallest)}",
        ]
    if numbers:
        case.append(_element("system-out", text="\n".join(numbers)))
    return case


def _refused(message: str, kind: str) -> Element:
    case = _element("testcase", name="gate", classname="ganbench")
    case.append(_element("error", text=message, message=message, type=kind))
    return case


def _document(cases: Iterable[Element]) -> bytes:
    cases = list(cases)
    counts = {name: str(sum(case.find(tag) is not None for case in cases)) for name, tag in _COUNTED.items()}
    about = {"name": "ganbench gate", "tests": str(len(cases)), **counts, "time": "0"}
    root = Element("testsuites", about)
    SubElement(root, "testsuite", about).extend(cases)
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _element(tag: str, text: str = "", **attributes: str) -> Element:
    element = Element(tag, {name: printable(" ".join(value.split())) for name, value in attributes.items()})
    element.text = printable(text) or None
    return element
