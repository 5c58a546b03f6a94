"""Is a report as it was written, and does it follow the one before? Pure: bytes in, answer out.

What is checked: report.json is whole; the statement's digests are those of all files; the statement
itself is, byte by byte, the one that follows from them; the signature, where the report says that
there is one or a key is given; the digest of the report before. Without a signature somebody who
rewrites every file, and all later reports, is not found out: keep the newest statement's digest
elsewhere, or sign.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from figwatch.validators.errors import FigwatchError
from figwatch.validators.report.document import REPORT_VERSION, Report, decode_report
from figwatch.validators.report.signature import PublicKey, signature_fault, signer
from figwatch.validators.report.statement import (
    ENVELOPE,
    FILES,
    REPORT,
    STATEMENT,
    sha256,
    statement,
)
from figwatch.validators.stages.criterion import Answer


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    answer: Answer
    text: str


@dataclass(frozen=True)
class Verified:
    """The answer for one report: fail where anything was changed, inconclusive where something
    could not be looked at.
    """

    checks: tuple[Check, ...]
    report: Report | None

    @property
    def answer(self) -> Answer:
        """The worst of all checks."""
        answers = {check.answer for check in self.checks}
        for worst in (Answer.FAIL, Answer.INCONCLUSIVE):
            if worst in answers:
                return worst
        return Answer.PASS


def verify(
    files: Mapping[str, bytes], before: Mapping[str, bytes] | None, key: PublicKey | None
) -> Verified:
    """Verify one report by its files; `before` has those of its predecessor, if at hand."""
    missing = [name for name in (*FILES, STATEMENT) if name not in files]
    if missing:
        return Verified((Check("files", Answer.FAIL, f"missing: {', '.join(missing)}"),), None)
    try:
        report = decode_report(files[REPORT])
    except FigwatchError as error:
        problem = error.problems[0]
        # Its version may be a changed byte, too: the statement knows the digest of any version.
        other = problem.code == "report.version" and _stated(files, REPORT)
        answer = Answer.INCONCLUSIVE if other else Answer.FAIL
        return Verified((Check("report", answer, f"{problem.cause}; {problem.fix}"),), None)
    return Verified(
        (_files(report, files), _signature(report, files, key), _chain(report, before)), report
    )


def _files(report: Report, files: Mapping[str, bytes]) -> Check:
    again = statement(report, files)
    if again == files[STATEMENT]:
        return Check("files", Answer.PASS, f"{len(FILES)} files are as they were written")
    changed = [name for name in FILES if not _stated(files, name)]
    named = ", ".join(changed) or STATEMENT
    text = f"changed or cut short since it was written: {named} (version {REPORT_VERSION})"
    return Check("files", Answer.FAIL, text)


def _stated(files: Mapping[str, bytes], name: str) -> bool:
    """Whether the statement has the digest of the file as it is."""
    return sha256(files[name]).encode() in files[STATEMENT]


def _signature(report: Report, files: Mapping[str, bytes], key: PublicKey | None) -> Check:
    name = "signature"
    envelope = files.get(ENVELOPE)
    if envelope is None:
        if report.signed_by:
            return Check(name, Answer.FAIL, f"the signature ({ENVELOPE}) is missing")
        if key is not None:
            return Check(name, Answer.FAIL, "the report is not signed")
        return Check(name, Answer.PASS, "the report is not signed: no key vouches for it")
    fault = signature_fault(envelope, files[STATEMENT], key)
    if not fault and signer(envelope) != report.signed_by:
        fault = "the report names another signer"
    if fault:
        return Check(name, Answer.FAIL, fault)
    whose = "by the given key" if key else f"by key {report.signed_by}; --key FILE says whose it is"
    return Check(name, Answer.PASS, f"signed {whose}")


def _chain(report: Report, before: Mapping[str, bytes] | None) -> Check:
    name = "chain"
    if report.previous is None:
        if report.sequence == 1:
            return Check(name, Answer.PASS, "the first report")
        text = f"report {report.sequence} names no report before it"
        return Check(name, Answer.FAIL, text)
    if before is None or STATEMENT not in before:
        text = f"the report before, {report.previous.folder}, is not at hand"
        return Check(name, Answer.INCONCLUSIVE, text)
    if sha256(before[STATEMENT]) != report.previous.sha256:
        text = f"the report before, {report.previous.folder}, is not the one that this one follows"
        return Check(name, Answer.FAIL, text)
    return Check(name, Answer.PASS, f"follows {report.previous.folder}")
