"""What the box for a connector answers before any server is asked, and what its buttons do."""

import json
from typing import Any

import pytest

from walflow.connect_api import ConnectorState
from walflow.errors import WalflowError
from walflow.monitor.api.connectors import PASTED, actions, checked, sentences
from walflow.settings import Settings


def check(text: str) -> Any:
    return checked(Settings(), text.encode())  # type: ignore[call-arg]  # from the sources


def test_text_that_is_no_json_is_told_with_its_line() -> None:
    found = check('{"name": "a",\n nothing}')

    assert not found["valid"]
    assert found["problems"][0].startswith("line 2: this is not JSON: ")


@pytest.mark.parametrize("text", ["[]", '{"name": "a"}', '{"config": {}}'])
def test_json_that_is_no_connector_is_told_with_the_form_of_one(text: str) -> None:
    assert '{"name": "…", "config": {…}}' in check(text)["problems"][0]


def test_a_setting_without_a_value_is_named() -> None:
    (problem,) = check(json.dumps({"name": "a", "config": {"tasks.max": None}}))["problems"]

    assert problem == "tasks.max is null, which is no value of a setting: leave it out."


def test_field_errors_stand_by_themselves() -> None:
    error = WalflowError(f"Connect refuses connector a; nothing was changed.\n{PASTED}: b: no.")

    assert sentences(error) == ["Connect refuses connector a; nothing was changed.", "b: no."]


class Api:
    """Notes what is asked of Connect."""

    def __init__(self, state: str) -> None:
        self._state = state
        self.asked: list[str] = []

    def state(self, name: str) -> ConnectorState:
        return ConnectorState(name, self._state, (self._state,), "")

    def restart(self, name: str, tasks: bool = True, only_failed: bool = False) -> None:
        self.asked.append(f"restart {name} {only_failed}")

    def __getattr__(self, verb: str) -> Any:
        return lambda name: self.asked.append(f"{verb} {name}")


@pytest.mark.parametrize(
    ("action", "asked"),
    [
        ("pause", ["pause a"]),
        ("resume", ["resume a"]),
        ("stop", ["stop a"]),
        ("restart", ["restart a False", "await_running a"]),
        ("restart-failed", ["restart a True", "await_running a"]),
    ],
)
def test_each_button_asks_connect_for_what_it_says(action: str, asked: list[str]) -> None:
    api: Any = Api("RUNNING")

    done, words = actions(api)[action]
    done("a")

    assert api.asked == asked and words


def test_a_paused_connector_is_not_restarted_behind_the_back_of_who_paused_it() -> None:
    api: Any = Api("PAUSED")

    with pytest.raises(WalflowError, match="Connector a is PAUSED: resume it instead"):
        actions(api)["restart"][0]("a")

    assert api.asked == []
