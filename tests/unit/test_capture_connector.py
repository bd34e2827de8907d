"""What a connector has to have in common with pipeline.toml."""

import json

import pytest

from walflow.capture.adding import replaced
from walflow.capture.connector import require_same_settings
from walflow.capture.include_list import with_table
from walflow.connect_api import USERS_CONNECTOR, Connector, read_connector
from walflow.errors import WalflowError
from walflow.settings import load


def changed(**settings: str) -> Connector:
    connector = read_connector(USERS_CONNECTOR)
    config = connector.config | {key.replace("__", "."): value for key, value in settings.items()}
    return Connector(connector.name, config)


def test_the_shipped_connector_agrees_with_the_shipped_settings() -> None:
    require_same_settings(load(), changed(), "users.json")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {"topic__prefix": "other"},
            "users.json: topic.prefix is 'other', but topics.prefix in pipeline.toml is 'cdc'",
        ),
        (
            {"topic__creation__default__partitions": "3"},
            "topics.partitions in pipeline.toml is '2'",
        ),
        (
            {"topic__creation__default__replication__factor": "3"},
            "topics.replication in pipeline.toml is '1'",
        ),
        ({"signal__data__collection": ""}, "signal.data.collection is ''"),
    ],
)
def test_a_mismatch_is_refused_with_both_places(settings: dict[str, str], expected: str) -> None:
    with pytest.raises(WalflowError) as caught:
        require_same_settings(load(), changed(**settings), "users.json")
    assert expected in caught.value.sentence
    assert "Nothing was changed." in caught.value.sentence


@pytest.mark.parametrize(
    "settings",
    [
        {"database__hostname": "elsewhere", "topic__prefix": "other"},
        {"connector__class": "FileStreamSource", "topic__prefix": "other"},
        {"publication__name": "theirs", "topic__prefix": "other"},
    ],
)
def test_a_connector_of_another_source_or_publication_is_left_alone(
    settings: dict[str, str],
) -> None:
    require_same_settings(load(), changed(**settings), "other.json")


def test_a_table_is_written_into_the_file_and_nothing_else_changes() -> None:
    text = USERS_CONNECTOR.read_text()
    before = read_connector(USERS_CONNECTOR).config
    after = replaced(text, before, with_table(before, "public.orders"))
    old, new = json.loads(text)["config"], json.loads(after)["config"]
    assert new == old | {"table.include.list": "public.created_users,public.orders"}
    assert len(after.splitlines()) == len(text.splitlines())


def test_a_list_that_is_not_found_in_the_file_is_told() -> None:
    before = {"table.include.list": "a.b"}
    with pytest.raises(WalflowError, match="change it by hand"):
        replaced('{"config": {}}', before, with_table(before, "public.orders"))
