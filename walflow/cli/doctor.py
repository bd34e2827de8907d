"""doctor: what is wrong with this machine, and with the settings of servers that run."""

import json
from collections.abc import Iterable, Sequence
from typing import Annotated

import typer
from rich.text import Text

from walflow.cli import compose
from walflow.cli.output import Format, data, messages
from walflow.doctor import machine
from walflow.doctor.catalogue import CHECKS, findings
from walflow.doctor.finding import Finding, Severity
from walflow.doctor.machine import Check
from walflow.doctor.servers.all import read_all
from walflow.doctor.servers.answering import anything_answers
from walflow.errors import ExitCode
from walflow.settings import Settings, load

STYLES = {Severity.LOSES: "red", Severity.STALLS: "yellow", Severity.KNOW: "cyan"}
Output = Annotated[Format, typer.Option("-o", "--output", help="table or json.")]


def doctor(output: Output = Format.TABLE) -> None:
    """Check this machine and, where servers run, settings that lose data or stall, with fixes.

    Every connector of the Connect cluster is looked at, with its database, topics and tables
    (docs/doctor.md). Exit code 0: nothing is wrong, though something may be worth knowing; 1: a
    setting loses data or stalls, or a server is away; 3: this machine lacks something.
    """
    settings = load()
    is_table = output is Format.TABLE
    checks = list(_told(_machine(settings)) if is_table else _machine(settings))
    is_running = anything_answers(settings)
    found: list[Finding] = []
    if is_running:
        with messages.status("asking the servers"):
            found = findings(read_all(settings))
    if is_table:
        _show(found, is_running)
    else:
        about = {
            "machine": [check.as_dict() for check in checks],
            "running": is_running,
            "findings": [finding.as_dict() for finding in found],
        }
        data.print_json(json.dumps(about))
    if not all(check.passed for check in checks):
        raise typer.Exit(ExitCode.NOT_READY)
    if any(finding.severity is not Severity.KNOW for finding in found):
        raise typer.Exit(ExitCode.FAILED)


def require_fit_machine(settings: Settings) -> None:
    """Show the checks of this machine, and end the command where one does not hold."""
    checks = list(_told(_machine(settings)))
    if not all(check.passed for check in checks):
        raise typer.Exit(ExitCode.NOT_READY)


def _machine(settings: Settings) -> Iterable[Check]:
    return compose.checks(settings) if settings.mode == "compose" else machine.run(settings)


def _told(checks: Iterable[Check]) -> Iterable[Check]:
    """Each as it is known."""
    for check in checks:
        style, mark = ("green", "✔") if check.passed else ("red", "✘")
        messages.print(f"[{style}]{mark}[/{style}] {check.name}: ", end="", highlight=False)
        messages.print(check.finding, markup=False, highlight=False)
        yield check


def _show(found: Sequence[Finding], is_running: bool) -> None:
    if not is_running:
        messages.print("No server runs: only this machine was looked at.")
        return
    for finding in found:
        head = Text(f"{finding.severity.value}: ", style=STYLES[finding.severity])
        head.append(f"{finding.subject} ({finding.check})", style="bold")
        data.print(head, soft_wrap=True)
        lines = (finding.what, f"Where: {finding.where}", *(fix.text for fix in finding.fixes))
        for line in lines:
            data.print(Text(f"  {line}"), soft_wrap=True)
    counted = ", ".join(
        f"{sum(finding.severity is severity for finding in found)} {severity.value}"
        for severity in Severity
        if any(finding.severity is severity for finding in found)
    )
    messages.print(
        f"{len(CHECKS)} checks of running servers: {counted or 'nothing found'}.", highlight=False
    )
