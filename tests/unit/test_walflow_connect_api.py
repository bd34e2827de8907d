"""A connector's file is read, or refused with its name and line."""

from pathlib import Path

import pytest

from walflow.connect_api import Connector, read_connector
from walflow.errors import ExitCode, WalflowError


def test_a_connector_is_read_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "source.json"
    file.write_text('{"name": "source", "config": {"tasks.max": "1"}}')

    assert read_connector(file) == Connector("source", {"tasks.max": "1"})


def test_a_file_that_is_not_json_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "source.json"
    file.write_text('{\n  "name": "source",\n  "config": {"a": "b",}\n}\n')

    with pytest.raises(WalflowError) as caught:
        read_connector(file)

    assert caught.value.exit_code is ExitCode.USAGE
    assert caught.value.sentence.startswith(f"{file}:3: this is not JSON: ")


def test_a_file_that_is_not_text_is_told_as_not_json(tmp_path: Path) -> None:
    file = tmp_path / "source.json"
    file.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(WalflowError, match="this is not JSON"):
        read_connector(file)


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        "{}",
        '"text"',
        '{"name": "n"}',
        '{"name": 1, "config": {}}',
        '{"name": "n", "config": []}',
    ],
)
def test_json_of_another_form_is_no_connector(tmp_path: Path, content: str) -> None:
    file = tmp_path / "source.json"
    file.write_text(content)

    with pytest.raises(WalflowError) as caught:
        read_connector(file)

    assert caught.value.sentence.startswith(f"{file} is not a connector: ")


def test_a_missing_file_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(WalflowError) as caught:
        read_connector(tmp_path / "absent.json")

    assert caught.value.exit_code is ExitCode.USAGE
    assert caught.value.sentence.endswith("absent.json cannot be read: No such file or directory.")
