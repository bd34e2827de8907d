"""pipeline.toml and its overrides: every mistake is told with its place and its key."""

import os
import re
from pathlib import Path

import pytest

from walflow import settings
from walflow.errors import ExitCode, WalflowError

SHIPPED = settings.SETTINGS_FILE.read_text()
load = settings.load.__wrapped__
"""Without the cache, which would hand on what another test has read."""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shipped pipeline.toml that is read instead of it, and no overrides."""
    for name in os.environ:
        if name.upper().startswith(settings.ENV_PREFIX):
            monkeypatch.delenv(name)
    copy = tmp_path / "pipeline.toml"
    copy.write_text(SHIPPED)
    monkeypatch.setattr(settings, "SETTINGS_FILE", copy)
    return copy


def line_of(text: str, file: Path) -> int:
    return file.read_text().splitlines().index(text) + 1


def refusal() -> str:
    with pytest.raises(WalflowError) as caught:
        load()
    assert caught.value.exit_code is ExitCode.USAGE
    return caught.value.sentence


def test_the_shipped_file_is_valid(file: Path) -> None:
    assert load().source_topic == "cdc.public.created_users"


def test_the_file_named_by_the_module_is_the_one_that_is_read(file: Path) -> None:
    file.write_text(SHIPPED.replace('prefix = "cdc"', 'prefix = "other"'))

    assert load().source_topic == "other.public.created_users"


def test_a_missing_file_is_told_in_one_sentence(file: Path) -> None:
    file.unlink()

    assert refusal() == f"{file} is missing."


def test_broken_toml_is_told_with_its_line(file: Path) -> None:
    file.write_text(SHIPPED.replace("kafka = 9092", "kafka 9092"))

    assert refusal().startswith(f"{file}:{line_of('kafka 9092', file)}: this is not TOML: ")


def test_toml_that_breaks_off_is_told_with_its_last_line(file: Path) -> None:
    file.write_text("[ports]\nkafka = 9092\nzookeeper = ")

    assert refusal().startswith(f"{file}:3: this is not TOML: ")


def test_a_wrong_value_is_told_with_line_and_key(file: Path) -> None:
    file.write_text(SHIPPED.replace("kafka = 9092", 'kafka = "none"'))

    line = line_of('kafka = "none"', file)
    assert refusal().startswith(f"{file}:{line}: ports.kafka: ")
    assert "(it is 'none')" in refusal()


def test_a_key_is_looked_for_within_its_own_section(file: Path) -> None:
    file.write_text(SHIPPED.replace("kafka = 512", "kafka = 0"))

    assert refusal().startswith(f"{file}:{line_of('kafka = 0', file)}: heap_megabytes.kafka: ")


def test_an_unknown_key_is_told_with_its_line(file: Path) -> None:
    file.write_text(SHIPPED.replace("[topics]", "[topics]\npartition = 3"))

    assert refusal().startswith(f"{file}:{line_of('partition = 3', file)}: topics.partition: ")


def test_an_unknown_section_is_told_with_its_line(file: Path) -> None:
    file.write_text(SHIPPED + "\n[topic]\npartitions = 3\n")

    assert refusal().startswith(f"{file}:{line_of('[topic]', file)}: topic: ")


def test_a_missing_key_is_told_with_the_line_of_its_section(file: Path) -> None:
    file.write_text(SHIPPED.replace("slots = 8\n", "").replace("[stream]", "[stream]  # Spark"))

    where = f"{file}:{line_of('[stream]  # Spark', file)}: stream.slots: "
    assert refusal().startswith(where)


def test_every_mistake_is_told_at_once(file: Path) -> None:
    file.write_text(
        SHIPPED.replace("kafka = 9092", "kafka = 0").replace("replication = 1", "replication = 0")
    )

    keys = [re.split(r":\d+: ", sentence)[1].split(":")[0] for sentence in refusal().splitlines()]
    assert keys == ["ports.kafka", "topics.replication"]


def test_an_environment_variable_wins_over_the_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WALFLOW_PORTS__KAFKA", "19092")

    assert load().ports.kafka == 19092
    assert load().ports.zookeeper == 2181


def test_a_wrong_environment_variable_is_named_and_the_file_is_not(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WALFLOW_PORTS__KAFKA", "none")

    assert refusal().startswith("environment variable WALFLOW_PORTS__KAFKA: ports.kafka: ")
    assert str(file) not in refusal()


def test_an_environment_variable_of_an_unknown_key_is_named(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WALFLOW_PORTS__KAFFKA", "1")

    assert refusal().startswith("environment variable WALFLOW_PORTS__KAFFKA: ports.kaffka: ")


def test_an_environment_variable_of_an_unknown_section_is_named_with_the_known_ones(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WALFLOW_PORT__KAFKA", "1")

    assert "WALFLOW_PORT__KAFKA names no section" in refusal()
    assert "ports, paths, supervision" in refusal()


def test_an_environment_variable_without_a_key_is_told_in_a_sentence(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WALFLOW_PORTS", "9092")

    assert "ports" in refusal()


def test_the_mark_of_a_running_stack_is_no_setting(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WALFLOW_STACK", "/anywhere")

    assert load().ports.kafka == 9092


def test_the_offset_moves_every_port(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WALFLOW_PORTS__OFFSET", "20000")

    assert load().ports.of("kafka") == 29092
    assert load().address("postgres") == "127.0.0.1:25432"
