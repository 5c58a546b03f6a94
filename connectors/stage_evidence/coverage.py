"""Test coverage out of Cobertura XML (coverage.xml) or lcov, counted line by line.

A file cut short, or whose own totals say something else than its lines, is no evidence.
"""

from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from figwatch.connectors.stage_evidence.problems import Trouble, read_whole
from figwatch.validators.stages.facts import Coverage, Origin

SOURCE = "coverage"
DIFFERENCE_MAX = 0.01
"""By how much the share in the file's header may differ from that of its lines."""
MILLISECONDS_FROM = 1e11
STAMP_MAX = 1e14
"""In milliseconds: beyond the year 5000."""
REMEDY = "make the coverage report again"
Lines = dict[tuple[str, int], int]
"""(file, line) to hits."""


def read_coverage(name: str, path: str) -> Coverage:
    """Covered and coverable lines of the report at `path`."""
    content = read_whole(path, "coverage report")
    if isinstance(content, Trouble):
        return Coverage(name, content.origin(SOURCE, path))
    is_xml = content.data.lstrip().startswith(b"<")
    read = _cobertura(content.data) if is_xml else _lcov(content.data)
    if isinstance(read, Trouble):
        trouble = Trouble(f"{path}: {read.cause}", read.remedy)
        return Coverage(name, trouble.origin(SOURCE, path))
    lines, made_us = read
    origin = Origin(SOURCE, path, made_us or content.changed_us, samples=len(lines))
    return Coverage(name, origin, sum(hits > 0 for hits in lines.values()), len(lines))


def _cobertura(data: bytes) -> tuple[Lines, int] | Trouble:
    try:
        root = fromstring(data)
    except (ParseError, DefusedXmlException, ValueError) as error:
        return Trouble(f"no whole XML document: {type(error).__name__}", REMEDY)
    if root.tag != "coverage":
        return Trouble(f"<{root.tag}> is no Cobertura report", "write Cobertura XML, or lcov")
    lines: Lines = {}
    try:
        for part in root.iter("class"):
            file = part.get("filename", "")
            for line in part.findall("lines/line"):
                where = (file, int(line.attrib["number"]))
                lines[where] = max(lines.get(where, 0), int(line.attrib["hits"]))
        return _agreed(root, lines)
    except (KeyError, ValueError):
        return Trouble("a line without number or hits", REMEDY)


def _agreed(root: Element, lines: Lines) -> tuple[Lines, int] | Trouble:
    stated = root.get("line-rate")
    if stated is not None and lines:
        counted = sum(hits > 0 for hits in lines.values()) / len(lines)
        if not abs(float(stated) - counted) <= DIFFERENCE_MAX:
            cause = f"contradictory: line-rate {stated}, but {counted:.4f} by its lines"
            return Trouble(cause, REMEDY)
    stamp = float(root.get("timestamp") or 0)
    if not 0 <= stamp <= STAMP_MAX:
        return Trouble(f"its timestamp is no time: {root.get('timestamp')}", REMEDY)
    return lines, round(stamp * (1e3 if stamp > MILLISECONDS_FROM else 1e6))


def _lcov(data: bytes) -> tuple[Lines, int] | Trouble:
    """Records `SF:`, `DA:line,hits`, `end_of_record` (man geninfo). There is no time in it."""
    lines: Lines = {}
    file: str | None = None
    try:
        for row in data.decode().splitlines():
            word, _, rest = row.strip().partition(":")
            if word == "SF":
                file = rest
            elif word == "DA" and file is not None:
                number, hits = rest.split(",")[:2]
                where = (file, int(number))
                lines[where] = max(lines.get(where, 0), int(hits))
            elif word == "end_of_record":
                file = None
    except ValueError:
        return Trouble("this is neither Cobertura XML nor lcov", "write one of them")
    if file is not None:
        return Trouble("the lcov file is cut short", REMEDY)
    return lines, 0
