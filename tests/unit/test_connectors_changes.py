"""What a configuration changes is shown; what is secret in it is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walflow.connect_api import USERS_CONNECTOR, read_connector
from walflow.connectors.changes import Change, changes
from walflow.connectors.secrets import MASK, is_secret, masked

SECRET_NAMES = (
    "database.password",
    "connection.passwd",
    "ssl.keystore.password",
    "producer.override.sasl.jaas.config",
    "aws.secret.access.key",
    "aws.access.key.id",
    "value.converter.basic.auth.user.info",
    "oauth.token",
    "ssl.key.passphrase",
    "api_key",
    "azure.account.key",
)
configs = st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=5)


def test_each_kind_of_change_has_its_sign() -> None:
    found = changes({"a": "1", "b": "2", "same": "0"}, {"b": "3", "c": "4", "same": "0"})
    assert [change.line for change in found] == ["- a: 1", "~ b: 2 → 3", "+ c: 4"]


@given(configs, configs)
def test_exactly_the_settings_that_differ_are_changes(
    before: dict[str, str], after: dict[str, str]
) -> None:
    rebuilt = dict(before)
    for change in changes(before, after):
        assert before.get(change.name) != after.get(change.name)
        rebuilt.pop(change.name, None)
        if change.after is not None:
            rebuilt[change.name] = after[change.name]
    assert rebuilt == after


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_a_secret_is_told_to_have_changed_and_not_shown(name: str) -> None:
    assert changes({name: "old one"}, {name: "new one"}) == [Change(name, MASK, MASK)]


def test_a_setting_that_its_plugin_calls_a_password_is_a_secret() -> None:
    assert changes({}, {"pin": "1234"}, {"pin"}) == [Change("pin", None, MASK)]


@pytest.mark.parametrize(
    "value", ["mongodb://me:hunter2@host/db", "jdbc:postgresql://host/db?user=me&password=hunter2"]
)
def test_a_password_within_an_address_is_hidden(value: str) -> None:
    assert is_secret("connection.uri", value)


@pytest.mark.parametrize("value", ["${env:SOURCE_PASSWORD}", "${file:/run/secrets:password}", ""])
def test_a_reference_to_a_secret_is_none(value: str) -> None:
    assert not is_secret("database.password", value)


def test_nothing_of_the_shipped_connector_is_hidden() -> None:
    config = read_connector(USERS_CONNECTOR).config
    assert masked(config) == config
