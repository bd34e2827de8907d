"""The connector as Connect's REST API shows it, and what bad input is answered with."""

import json
from pathlib import Path
from typing import Any

import requests

from tests.conftest import Stack
from walflow.connect_api import USERS_CONNECTOR
from walflow.stack.registry import confluent_url


def test_the_connector_runs_and_its_configuration_holds_no_password(stack: Stack) -> None:
    url = f"http://{stack.settings.address('connect')}/connectors/users"
    status = requests.get(f"{url}/status", timeout=10).json()
    config = requests.get(f"{url}/config", timeout=10).json()
    assert (status["connector"]["state"], status["tasks"][0]["state"]) == ("RUNNING", "RUNNING")
    assert config["database.password"] == "${env:SOURCE_PASSWORD}"


def test_the_registry_has_avro_schemas_of_key_and_value(stack: Stack) -> None:
    url = confluent_url(stack.settings)
    subjects = requests.get(f"{url}/subjects", timeout=10).json()
    wanted = {f"{stack.settings.source_topic}-{side}" for side in ("key", "value")}
    assert wanted <= set(subjects)
    for subject in wanted:
        version = requests.get(f"{url}/subjects/{subject}/versions/latest", timeout=10).json()
        assert json.loads(version["schema"])["type"] == "record"


def test_the_same_file_put_by_any_client_is_taken(stack: Stack) -> None:
    content = json.loads(USERS_CONNECTOR.read_text())
    url = f"http://{stack.settings.address('connect')}/connectors/users/config"
    assert requests.put(url, json=content["config"], timeout=30).status_code == 200
    assert "unchanged, RUNNING" in stack.walflow("connectors", "apply").stderr


def test_list_and_get_tell_what_is_there(stack: Stack) -> None:
    listed = json.loads(stack.walflow("connectors", "list", "-o", "json").stdout)
    assert [(c["name"], c["connector"]) for c in listed] == [("users", "RUNNING")]
    assert json.loads(stack.walflow("connectors", "get", "users").stdout)["name"] == "users"


def test_an_unknown_connector_is_answered_with_the_known_ones(stack: Stack) -> None:
    answer = stack.walflow("connectors", "get", "userz")
    assert answer.returncode == 2
    assert "There is no connector userz. Connectors: users." in answer.stderr


def test_a_refused_configuration_names_each_wrong_field(stack: Stack, tmp_path: Path) -> None:
    content: Any = json.loads(USERS_CONNECTOR.read_text())
    content["name"] = "wrong"
    content["config"] |= {"database.port": "many", "snapshot.mode": "sometimes"}
    file = tmp_path / "wrong.json"
    file.write_text(json.dumps(content))
    answer = stack.walflow("connectors", "apply", "-f", str(file))
    assert answer.returncode == 1
    assert f"{file}: database.port:" in answer.stderr
    assert f"{file}: snapshot.mode:" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert "wrong" not in stack.walflow("connectors", "list", "-o", "json").stdout


def test_a_wrong_password_is_told_as_a_sentence(stack: Stack, tmp_path: Path) -> None:
    content: Any = json.loads(USERS_CONNECTOR.read_text())
    content["name"] = "wrong"
    content["config"] |= {"database.password": "not it", "slot.name": "other"}
    file = tmp_path / "wrong.json"
    file.write_text(json.dumps(content))
    answer = stack.walflow("connectors", "apply", "-f", str(file))
    assert answer.returncode == 1
    assert "password authentication failed" in answer.stderr
