"""The stream is given this command's overrides of pipeline.toml that it reads, and no others."""

import json

import pytest

from walflow.settings import Settings, TableSettings
from walflow.stack.spark import stream
from walflow.tables import TableRules

RULES = {"types.instants": {"timestamps": "micros"}}


def settings() -> Settings:
    return Settings()  # type: ignore[call-arg]  # the fields come from the sources


def test_a_key_of_a_section_and_a_whole_section_reach_the_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WALFLOW_TABLES", json.dumps(RULES))
    monkeypatch.setenv("WALFLOW_STREAM__SLOTS", "24")
    monkeypatch.setenv("WALFLOW_INGEST__SCHEDULE", "none")

    given = stream(settings()).environment

    assert json.loads(given["WALFLOW_TABLES"]) == RULES
    assert given["WALFLOW_STREAM__SLOTS"] == "24"
    assert "WALFLOW_INGEST__SCHEDULE" not in given


def test_rules_from_the_environment_are_those_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WALFLOW_TABLES", json.dumps(RULES))
    rule = TableRules.of(settings()).rule("types", "instants")
    assert (rule.setting, rule.micros) == (TableSettings(timestamps="micros"), True)
