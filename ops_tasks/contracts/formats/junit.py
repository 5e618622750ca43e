"""JUnit's XML, which most CI systems can show."""

from __future__ import annotations

import re
from collections import Counter
from xml.etree import ElementTree as ET

from ops_tasks.contracts.findings import Finding
from ops_tasks.contracts.formats.summary import TASK, Report, encodable, title

# Everything that is no Char of XML 1.0, not even as a reference.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_junit(report: Report) -> str:
    """One suite, a case per finding: what refuses failed, what was accepted was skipped, the rest passed.

    Pure ASCII with character references, so that it is well-formed in any output's encoding.
    """
    counted = {
        "tests": max(len(report.findings), 1),
        "failures": sum(finding.refuses for finding in report.findings),
        "skipped": sum(finding.acknowledged for finding in report.findings),
        "errors": 0,
    }
    counts = {name: str(count) for name, count in counted.items()}
    suites = ET.Element("testsuites", {"name": TASK, **counts})
    suite = ET.SubElement(suites, "testsuite", {"name": TASK, **counts})
    properties = ET.SubElement(suite, "properties")
    for name, value in (("base", _clean(report.base)), ("compared", str(report.compared))):
        ET.SubElement(properties, "property", name=name, value=value)
    names: Counter[tuple[str, str]] = Counter()
    for finding in report.findings:
        _case(suite, finding, names)
    if not report.findings:
        ET.SubElement(suite, "testcase", classname=TASK, name="no findings")
    ET.SubElement(suite, "system-out").text = _clean(report.summary)
    ET.indent(suites)
    return ET.tostring(suites, encoding="us-ascii", xml_declaration=True).decode("ascii") + "\n"


def _case(suite: ET.Element, finding: Finding, names: Counter[tuple[str, str]]) -> None:
    name, file = _clean(title(finding)), _clean(finding.file)
    names[file, name] += 1
    # Cases of one name are taken for one case by GitLab and Jenkins.
    several = f" ({names[file, name]})" if names[file, name] > 1 else ""
    case = ET.SubElement(suite, "testcase", classname=file, name=name + several, file=file, line=str(finding.line))
    message = _clean(finding.message)
    place = f"{file}:{finding.line}:{finding.offset}"
    if finding.refuses:
        failure = ET.SubElement(case, "failure", type=finding.rule, message=message)
        below = f"\nto accept it: {_clean(finding.ack)}" if finding.ack else ""
        failure.text = f"{place}: {message}{below}"
    elif finding.acknowledged:
        ET.SubElement(case, "skipped", message=_clean(f"accepted: {finding.reason}")).text = message
    else:
        ET.SubElement(case, "system-out").text = f"{finding.severity}: {place}: {message}"


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("", encodable(text))
