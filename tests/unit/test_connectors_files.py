"""Connectors are read from files, folders and standard input, and each refusal names its place."""

import io
import json
import sys
from pathlib import Path

import pytest

from walflow.connect_api import PAUSED, RUNNING, STOPPED, Connector
from walflow.connectors.files import Definition, definitions
from walflow.errors import ExitCode, WalflowError


def written(folder: Path, file: str, content: object) -> str:
    path = folder / file
    path.write_text(json.dumps(content))
    return str(path)


def test_a_folder_gives_each_json_in_it_by_name(tmp_path: Path) -> None:
    second = written(tmp_path, "b.json", {"name": "one", "config": {}})
    first = written(tmp_path, "a.json", {"name": "two", "config": {}})
    (tmp_path / "notes.txt").write_text("no connector")

    found = definitions([str(tmp_path)])

    assert found == [
        Definition(first, Connector("two", {})),
        Definition(second, Connector("one", {})),
    ]


def test_a_folder_without_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WalflowError, match=r"holds no \*\.json") as caught:
        definitions([str(tmp_path)])
    assert caught.value.exit_code is ExitCode.USAGE


def test_standard_input_is_read_for_a_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    content = b'{"name": "one", "config": {"tasks.max": 2, "emit": true}}'
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    assert definitions(["-"]) == [
        Definition("standard input", Connector("one", {"tasks.max": "2", "emit": "true"}))
    ]


def test_standard_input_that_is_no_json_is_told_with_its_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"{\n,")))
    with pytest.raises(WalflowError, match="standard input:2: this is not JSON"):
        definitions(["-"])


def test_two_files_of_one_connector_are_refused_with_both_places(tmp_path: Path) -> None:
    first = written(tmp_path, "a.json", {"name": "one", "config": {}})
    second = written(tmp_path, "b.json", {"name": "one", "config": {}})
    with pytest.raises(WalflowError, match=f"{first} and {second} are both of connector one"):
        definitions([first, second])


@pytest.mark.parametrize("state", [RUNNING, PAUSED, STOPPED])
def test_the_state_in_which_a_connector_begins_is_read(tmp_path: Path, state: str) -> None:
    file = written(tmp_path, "a.json", {"name": "one", "config": {}, "initial_state": state})
    assert definitions([file])[0].connector.initial_state == state


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"name": "one", "config": {}, "initial_state": "ASLEEP"}, "initial_state is 'ASLEEP'"),
        ({"name": "one", "config": {"transforms": None}}, "transforms is null"),
        ({"name": "", "config": {}}, "is not a connector"),
    ],
)
def test_what_connect_could_not_take_is_refused(
    tmp_path: Path, content: object, expected: str
) -> None:
    with pytest.raises(WalflowError, match=expected) as caught:
        definitions([written(tmp_path, "a.json", content)])
    assert caught.value.exit_code is ExitCode.USAGE
