"""What `walflow doctor` prints, and its exit codes, by what the machine and the servers tell it."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from tests.unit.doctor_servers import healthy, slot, with_source, with_users
from walflow.cli.app import app
from walflow.doctor.machine import Check
from walflow.doctor.servers.all import Servers
from walflow.errors import ExitCode

FIT = Check("disk", True, "99 GB free")
FULL = Check("disk", False, "1 GB free. Make room.")


@pytest.fixture
def tell(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    monkeypatch.setattr("walflow.cli.doctor.machine.run", lambda _: iter([FIT]))
    monkeypatch.setattr("walflow.cli.doctor.anything_answers", lambda _: True)
    monkeypatch.setattr("walflow.cli.doctor.read_all", lambda _: healthy())
    yield monkeypatch


def run(*arguments: str) -> tuple[int, str, str]:
    answer = CliRunner().invoke(app, ["doctor", *arguments])
    return answer.exit_code, answer.stdout, answer.stderr


def ill() -> Servers:
    found = with_source(slots=(slot(), slot("left_behind", is_active=False)))
    known = with_users(tombstones_on_delete="false")
    return replace(found, connect=known.connect)


def test_a_healthy_stack_is_told_in_one_line(tell: pytest.MonkeyPatch) -> None:
    code, stdout, stderr = run()
    assert (code, stdout) == (ExitCode.OK, "")
    assert "checks of running servers: nothing found." in stderr


def test_people_read_what_is_wrong_where_and_what_to_run(tell: pytest.MonkeyPatch) -> None:
    tell.setattr("walflow.cli.doctor.read_all", lambda _: ill())
    code, stdout, stderr = run()
    assert code == ExitCode.FAILED
    lines = stdout.splitlines()
    assert lines[0] == "stalls: left_behind (slot-unread)"
    assert lines[1].startswith("  Nobody reads the logical slot left_behind")
    assert lines[2].startswith("  Where: PostgreSQL at ")
    assert "SELECT pg_drop_replication_slot('left_behind');" in lines[3]
    assert lines[4] == "worth knowing: users (connector-setting)"
    assert "1 stalls, 1 worth knowing." in stderr


def test_programs_read_the_same(tell: pytest.MonkeyPatch) -> None:
    tell.setattr("walflow.cli.doctor.read_all", lambda _: ill())
    code, stdout, _ = run("-o", "json")
    about = json.loads(stdout)
    assert code == ExitCode.FAILED
    assert about["machine"] == [{"name": "disk", "passed": True, "finding": "99 GB free"}]
    first = about["findings"][0]
    assert (first["check"], first["severity"], first["subject"]) == (
        "slot-unread",
        "stalls",
        "left_behind",
    )
    assert first["fixes"][0]["tool"] == "PostgreSQL"


def test_what_is_only_worth_knowing_is_no_failure(tell: pytest.MonkeyPatch) -> None:
    known = with_users(tombstones_on_delete="false")
    tell.setattr("walflow.cli.doctor.read_all", lambda _: known)
    assert run()[0] == ExitCode.OK


def test_a_machine_that_lacks_something_has_a_code_of_its_own(tell: pytest.MonkeyPatch) -> None:
    tell.setattr("walflow.cli.doctor.machine.run", lambda _: iter([FULL]))
    tell.setattr("walflow.cli.doctor.read_all", lambda _: ill())
    code, _, stderr = run()
    assert code == ExitCode.NOT_READY
    assert "✘ disk: 1 GB free. Make room." in stderr


def test_where_nothing_runs_only_the_machine_is_looked_at(tell: pytest.MonkeyPatch) -> None:
    tell.setattr("walflow.cli.doctor.anything_answers", lambda _: False)
    code, stdout, stderr = run()
    assert (code, stdout) == (ExitCode.OK, "")
    assert "No server runs" in stderr
