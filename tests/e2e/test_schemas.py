"""Schemas as commands show them of the real registry, and a file that is held against it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests

from tests.conftest import Stack
from walflow.stack.registry import confluent_url


def _schema(*fields: dict[str, Any]) -> str:
    fields = ({"name": "id", "type": "int"}, *fields)
    return json.dumps({"type": "record", "name": "Value", "fields": fields})


PHONE = {"name": "phone", "type": ["null", "string"], "default": None}
REQUIRED = {"name": "mail", "type": "string"}


@pytest.fixture
def subject(stack: Stack) -> Iterator[str]:
    """A subject of two versions, gone afterwards, that is held to BACKWARD."""
    name = f"e2e_{uuid4().hex[:8]}-value"
    url = confluent_url(stack.settings)
    for schema in (_schema(), _schema(PHONE)):
        answer = requests.post(
            f"{url}/subjects/{name}/versions", json={"schema": schema}, timeout=10
        )
        answer.raise_for_status()
    level = {"compatibility": "BACKWARD"}
    requests.put(f"{url}/config/{name}", json=level, timeout=10).raise_for_status()
    yield name
    requests.delete(f"{url}/subjects/{name}", timeout=10)
    assert name not in requests.get(f"{url}/subjects", timeout=10).json()


def _file(folder: Path, schema: str) -> str:
    file = folder / "wanted.avsc"
    file.write_text(schema)
    return str(file)


def test_the_subjects_are_listed_with_their_versions(stack: Stack, subject: str) -> None:
    answer = stack.walflow("schemas", "list", "--prefix", "e2e_", "-o", "json")
    listed = {entry["subject"]: entry for entry in json.loads(answer.stdout)}
    assert len(listed[subject]["versions"]) == 2
    assert listed[subject]["latest"] == max(listed[subject]["versions"])
    wanted = f"{stack.settings.source_topic}-value"
    assert wanted in stack.walflow("schemas", "list").stdout


def test_a_schema_is_got_by_subject_version_and_id(stack: Stack, subject: str) -> None:
    versions = json.loads(
        stack.walflow("schemas", "list", "--prefix", subject, "-o", "json").stdout
    )[0]
    latest = stack.walflow("schemas", "get", subject)
    first = stack.walflow("schemas", "get", subject, "--version", str(versions["versions"][0]))
    by_id = stack.walflow("schemas", "get", "--id", str(versions["id"]))
    assert json.loads(latest.stdout) == json.loads(by_id.stdout) == json.loads(_schema(PHONE))
    assert json.loads(first.stdout) == json.loads(_schema())


def test_two_versions_are_compared_by_field(stack: Stack, subject: str) -> None:
    answer = stack.walflow("schemas", "diff", subject)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines() == ["+ Value.phone: field null | string, default null"]
    as_json = json.loads(stack.walflow("schemas", "diff", subject, "-o", "json").stdout)
    assert as_json["differences"][0]["where"] == "Value.phone"


def test_a_compatible_file_is_told_so(stack: Stack, subject: str, tmp_path: Path) -> None:
    optional = {"name": "mail", "type": ["null", "string"], "default": None}
    file = _file(tmp_path, _schema(PHONE, optional))
    answer = stack.walflow("schemas", "check", file, "--subject", subject)
    assert answer.returncode == 0, answer.stderr
    assert "+ Value.mail: field null | string, default null" in answer.stdout
    assert f"of {subject}, at the level BACKWARD" in answer.stderr


def test_an_incompatible_file_is_refused_with_the_difference(
    stack: Stack, subject: str, tmp_path: Path
) -> None:
    file = _file(tmp_path, _schema(PHONE, REQUIRED))
    answer = stack.walflow("schemas", "check", file, "--subject", subject)
    assert answer.returncode == 1
    assert f"not compatible with version 2 of {subject}" in answer.stderr
    assert "+ Value.mail: field string" in answer.stdout
    by_hand = stack.walflow("schemas", "check", "-", "--subject", subject, given=_schema(REQUIRED))
    assert by_hand.returncode == 1


def test_a_schema_of_debezium_names_its_subject_itself(stack: Stack, tmp_path: Path) -> None:
    subject = f"{stack.settings.source_topic}-value"
    file = _file(tmp_path, stack.walflow("schemas", "get", subject).stdout)
    answer = stack.walflow("schemas", "check", file)
    assert answer.returncode == 0, answer.stderr
    assert "They are the same." in answer.stderr
    assert f"of {subject}, at the level" in answer.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("get", "nothing-value"), "There is no subject nothing-value. Subjects: "),
        (("diff", "nothing-value"), "There is no subject nothing-value. Subjects: "),
        (("get", "cdc.public.created_users-key", "--version", "77"), "has no version 77; it has 1"),
        (("get", "--id", "99999999"), "knows no schema id 99999999"),
        (("get",), "Name a subject, or give --id."),
    ],
)
def test_what_is_not_there_is_answered_with_what_is(
    stack: Stack, arguments: tuple[str, ...], expected: str
) -> None:
    answer = stack.walflow("schemas", *arguments)
    assert answer.returncode == 2
    assert expected in answer.stderr and "Traceback" not in answer.stderr


def test_a_file_of_an_unknown_subject_is_refused(stack: Stack, tmp_path: Path) -> None:
    file = _file(tmp_path, _schema())
    unnamed = stack.walflow("schemas", "check", file)
    unknown = stack.walflow("schemas", "check", file, "--subject", "nothing-value")
    assert (unnamed.returncode, unknown.returncode) == (2, 2)
    assert "give --subject" in unnamed.stderr
    assert "There is no subject nothing-value." in unknown.stderr
