"""Topics that are made on purpose are those that their users name."""

from walflow.settings import HOME
from walflow.stack.kafka import KEPT_FOR_EVER, NOTIFICATIONS, SCHEMAS


def test_the_journal_that_is_kept_for_ever_is_the_registrys() -> None:
    settings = (HOME / "registry" / "application.properties").read_text().splitlines()
    assert f"apicurio.kafkasql.topic={SCHEMAS}" in settings
    assert {KEPT_FOR_EVER["retention.ms"], KEPT_FOR_EVER["retention.bytes"]} == {"-1"}


def test_the_notifications_topic_is_the_connectors() -> None:
    connector = (HOME / "connect" / "connectors" / "users.json").read_text()
    assert f'"notification.sink.topic.name": "{NOTIFICATIONS}"' in connector
