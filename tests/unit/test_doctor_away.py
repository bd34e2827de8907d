"""Servers that do not answer, asked for real: each is a finding, and nothing is raised."""

import pytest

from walflow.doctor.catalogue import findings
from walflow.doctor.servers.all import SERVERS, read_all
from walflow.doctor.servers.answering import anything_answers
from walflow.settings import Settings


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A stack at ports where nobody listens."""
    monkeypatch.setenv("WALFLOW_PORTS__OFFSET", "29000")
    return Settings()  # type: ignore[call-arg]  # the fields come from the sources


def test_each_server_that_is_away_is_a_finding(nowhere: Settings) -> None:
    found = findings(read_all(nowhere))
    assert {finding.subject for finding in found} == set(SERVERS)
    assert {finding.check for finding in found} == {"server-away"}
    kafka = next(finding for finding in found if finding.subject == "kafka")
    assert kafka.what.startswith(f"Kafka does not answer at {nowhere.address('kafka')}")
    assert [fix.command for fix in kafka.fixes] == ["walflow up kafka"]


def test_where_nobody_answers_nothing_runs(nowhere: Settings) -> None:
    assert not anything_answers(nowhere)
