"""What a verification says: a finding for each check, with its verdict, the key that is wrong and the fix."""

from collections.abc import Iterable

from rich.markup import escape

from firsthand.findings import Finding, Printer, of_proof


def held(check: str, detail: str) -> Finding:
    return of_proof(check, "ok", detail)


def noted(check: str, detail: str) -> Finding:
    """Nothing is wrong, but somebody should know."""
    return of_proof(check, "info", detail)


def failed(check: str, detail: str, fix: str) -> Finding:
    return of_proof(check, "error", detail, fix)


def passed(found: Iterable[Finding]) -> bool:
    return all(finding.level != "error" for finding in found)


def show(found: Iterable[Finding]) -> None:
    printer = Printer()
    for finding in found:
        printer.finding(finding.level, escape(f"{finding.rule}: {finding.message}"), finding.fix)


def some(items: list[str], shown: int = 3, sign: str = ", ") -> str:
    return sign.join(items[:shown]) + (f"{sign}and {len(items) - shown} more" if len(items) > shown else "")
