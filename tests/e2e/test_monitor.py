"""The monitor in a real Chromium, on the running stack: pages, actions, and what it must refuse."""

import json
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import kafka
import pytest
import requests
from cassandra.cluster import Session
from kafka.structs import OffsetAndMetadata
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from tests.conftest import Stack
from tests.e2e.avro_records import Table, send
from tests.e2e.heartbeats import SECRET, heartbeats
from tests.e2e.own_topic import topic_of_two_partitions
from tests.e2e.test_status import insert, paused
from tests.stack_environment import COMPOSE
from walflow.connectors.secrets import MASK
from walflow.install.prerequisites import require_chromium
from walflow.monitor import token as tokens
from walflow.topics.clients import admin

BEATS = "e2e_monitored"
WIDE, NARROW = {"width": 1360, "height": 860}, {"width": 390, "height": 844}
SCRIPT = "<script>window.ran = 1</script><img src=x onerror='window.ran = 1'>"
SECONDS = 30_000
"""Bound of each wait for a page, in ms: the machine may be busy with the pipeline."""
MOST_TABS = 100
"""More than a page of the tests has to reach."""
NAMELESS = """() => [...document.querySelectorAll("a, button, input, select, textarea, summary")]
    .filter((each) => !(each.ariaLabel || each.innerText.trim() || each.labels?.length))
    .map((each) => each.outerHTML)"""
"""What can be used without a name for who cannot see it."""
FOCUSED = """() => {
    if (document.activeElement === document.body) return null;
    const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
    const name = document.activeElement.ariaLabel || document.activeElement.innerText.trim();
    return [name, outlineStyle !== "none" && parseFloat(outlineWidth) >= 2];
}"""
"""The name of what has the focus, and whether it is seen to have it; null: nothing has."""

expect.set_options(timeout=SECONDS)


@dataclass(frozen=True)
class Monitor:
    url: str
    token: str

    @property
    def link(self) -> str:
        return f"{self.url}/#token={self.token}"


@pytest.fixture(scope="module")
def monitor(stack: Stack) -> Monitor:
    """As `walflow monitor` tells of it."""
    answer = stack.walflow("monitor")
    assert answer.returncode == 0, answer.stderr
    url, _, token = answer.stdout.strip().partition("/#token=")
    return Monitor(url, token)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # Chromium's sandbox refuses root.
        sandbox = [] if os.getuid() else ["--no-sandbox"]
        launched = playwright.chromium.launch(executable_path=require_chromium(), args=sandbox)
        yield launched
        launched.close()


Opened = Callable[..., Page]


@pytest.fixture
def opened(browser: Browser, monitor: Monitor) -> Iterator[Opened]:
    """Opens a page with the token; at the end, no page may have complained on its console.

    A browser complains of every refusal: `is_refused` where one is meant.
    """
    complaints: list[str] = []
    contexts = []

    def open_page(
        path: str = "#/", with_token: bool = True, is_refused: bool = False, **context: Any
    ) -> Page:
        contexts.append(browser.new_context(**({"viewport": WIDE} | context)))
        page = contexts[-1].new_page()
        page.set_default_timeout(SECONDS)
        page.on(
            "console",
            lambda said: (
                complaints.append(said.text)
                if said.type in ("error", "warning") and not (is_refused and "401" in said.text)
                else None
            ),
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        if with_token:
            page.goto(monitor.link)
        page.goto(f"{monitor.url}/{path}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def user(source: Any) -> Iterator[str]:
    """A user with markup for a name, whose phone has changed."""
    user = str(uuid4())
    with source.cursor() as cursor:
        cursor.execute(
            "INSERT INTO created_users (id, first_name, last_name, phone) VALUES (%s, %s, 'E2E', '1')",
            (user, SCRIPT),
        )
        cursor.execute("UPDATE created_users SET phone = '2' WHERE id = %s", (user,))
        yield user
        cursor.execute("DELETE FROM created_users WHERE id = %s", (user,))


@pytest.fixture
def beats(stack: Stack) -> Iterator[dict[str, Any]]:
    with heartbeats(stack.settings, BEATS, ("m", "n")) as connector:
        yield connector


@pytest.fixture
def table(stack: Stack, target: Session) -> Iterator[Table]:
    """A table of PostgreSQL that is not there: its records are made by hand."""
    made = Table(stack.settings, f"letters_{uuid4().hex[:8]}")
    yield made
    target.execute(f"DROP TABLE IF EXISTS {made.name}")


@pytest.fixture
def own_topic(stack: Stack) -> Iterator[str]:
    with topic_of_two_partitions(stack.settings) as name:
        yield name


def is_as_wide_as_its_window(page: Page) -> bool:
    """Whether nothing has to be scrolled sideways, the insides of tables excepted."""
    root = "document.documentElement"
    return bool(page.evaluate(f"{root}.scrollWidth <= {root}.clientWidth"))


@pytest.mark.parametrize(
    ("scheme", "viewport", "background"),
    [("light", WIDE, "rgb(245, 246, 248)"), ("dark", NARROW, "rgb(15, 19, 25)")],
    ids=["light", "dark and narrow"],
)
def test_each_page_shows_what_is_there(
    stack: Stack, opened: Opened, scheme: str, viewport: Any, background: str
) -> None:
    topic = stack.settings.source_topic
    page = opened(color_scheme=scheme, viewport=viewport)
    shown = {
        "#/": ["PostgreSQL", "Replication slot", "Kafka topics", "public.created_users"],
        "#/topics": [topic, "Offsets a second"],
        f"#/topics/{topic}": [topic, "create"],
        "#/connectors": ["users", "running"],
        "#/connectors/of/users": ["${env:SOURCE_PASSWORD}", "database.hostname", "task 0"],
        "#/connectors/new": ["Validate"],
        "#/schemas": [f"{topic}-value"],
        f"#/schemas/{topic}-value": ["Version 1", "Envelope"],
        "#/deadletters": ["replayed and discarded ones too"],
        "#/verify": ["Compare", "public.created_users"],
        "#/canary": ["anar"],
    }
    for path, texts in shown.items():
        page.goto(f"{page.url.partition('#')[0]}{path}")
        expect(page.locator("main h1")).to_be_visible()
        for text in texts:
            expect(page.locator("main")).to_contain_text(text)
        expect(page.locator("main .note.loading")).to_have_count(0)
        expect(page.locator("main [role=alert] button")).to_have_count(0)  # no refusal is shown
        assert is_as_wide_as_its_window(page), path
        assert page.evaluate(NAMELESS) == [], path
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == background


def test_the_pipeline_is_drawn_with_live_figures(opened: Opened, source: Any) -> None:
    page = opened("#/")
    expect(page.locator(".picture .node")).to_have_count(6)
    expect(page.locator(".node", has_text="Connector")).to_contain_text("running")
    expect(page.locator(".chart canvas")).to_have_count(3)
    row = page.locator("tr", has_text="public.created_users")
    expect(row.locator("td").nth(2)).to_have_text("0")
    before = page.locator(".title .muted").inner_text()
    expect(page.locator(".title .muted")).not_to_have_text(before)


def test_a_record_is_found_by_its_key_and_its_markup_is_text(
    stack: Stack, opened: Opened, user: str, eventually: Any
) -> None:
    page = opened(f"#/topics/{stack.settings.source_topic}")
    field = page.get_by_label("Key or condition")
    field.fill(f"{user} and op=update")

    def found() -> int:
        page.get_by_role("button", name="Read", exact=True).click()
        expect(page.locator(".records.busy")).to_have_count(0)
        return page.locator(".record").count()

    eventually(found, 1)
    record = page.locator(".record")
    expect(record.locator(".op")).to_have_text("update")
    record.locator("button.line").click()
    changed = record.locator("tr.changed")
    expect(changed).to_have_count(1)
    expect(changed.locator("td")).to_have_text(['"1"', '"2"'])
    expect(record.locator(".difference")).to_contain_text("<script>window.ran = 1</script>")
    assert page.evaluate("window.ran === undefined")

    offset = record.locator(".place").inner_text()
    # Beside the record before, the line itself tells what has changed.
    field.fill(user)
    page.keyboard.press("Enter")
    update = page.locator(".record", has=page.locator(".op-update"))
    expect(update.locator(".short")).to_contain_text('phone: "1" → "2"')

    field.fill("")
    page.get_by_label("From").fill(offset)
    page.keyboard.press("Enter")
    expect(page.locator(".record .place").last).to_have_text(offset)


def test_records_are_followed_as_they_come(stack: Stack, opened: Opened, source: Any) -> None:
    user = str(uuid4())
    page = opened(f"#/topics/{stack.settings.source_topic}")
    page.get_by_label("Key or condition").fill(user)
    page.get_by_role("button", name="Read", exact=True).click()
    expect(page.locator(".note.empty")).to_contain_text("No record of those looked at")
    page.get_by_label("follow").check()
    with source.cursor() as cursor:
        cursor.execute(
            "INSERT INTO created_users (id, first_name, last_name) VALUES (%s, 'Ada', 'E2E')",
            (user,),
        )
        cursor.execute("DELETE FROM created_users WHERE id = %s", (user,))

    expect(page.locator(".record .op")).to_have_text(["tombstone", "delete", "create"])


def test_a_connector_is_pasted_refused_mended_applied_paused_and_resumed(
    opened: Opened, beats: dict[str, Any]
) -> None:
    page = opened("#/connectors/new")
    box = page.locator("textarea")
    box.fill(json.dumps(beats | {"config": beats["config"] | {"tasks.max": "many"}}))
    page.get_by_role("button", name="Validate").click()
    expect(page.locator(".problems li").filter(has_text="tasks.max")).to_be_visible()
    expect(page.get_by_role("button", name="Apply")).to_be_disabled()

    box.fill(json.dumps(beats))
    page.get_by_role("button", name="Validate").click()
    expect(page.locator(".note.good")).to_contain_text(f"Connector {BEATS} would be created")
    expect(page.locator(".diff")).not_to_contain_text(SECRET)
    page.get_by_role("button", name="Apply").click()
    page.get_by_role("button", name="Apply it now?").click()
    expect(page.locator(".said")).to_contain_text(f"Connector {BEATS}: created, RUNNING.")

    row = page.locator("tr", has_text=BEATS)
    row.get_by_role("button", name="Pause").click()
    row.get_by_role("button", name="Pause?").click()
    expect(row.get_by_role("button", name="Resume")).to_be_visible()
    expect(row).to_contain_text("paused")
    row.get_by_role("button", name="Resume").click()
    expect(row.get_by_role("button", name="Pause")).to_be_visible()
    expect(page.locator(".said")).to_contain_text("is RUNNING")

    row.get_by_role("link", name=BEATS).click()
    expect(page.locator("main")).to_contain_text("source.cluster.sasl.jaas.config")
    expect(page.locator("main")).to_contain_text(MASK)
    expect(page.locator("main")).not_to_contain_text(SECRET)


def test_a_dead_letter_is_shown_with_its_bytes_and_replayed_once_its_cause_is_mended(
    stack: Stack, opened: Opened, target: Session, table: Table, eventually: Any
) -> None:
    target.execute(f"CREATE TABLE {table.name} (other text PRIMARY KEY)")
    origin = send(stack.settings, table.key("a"), table.create("a", "kept"))
    page = opened("#/deadletters")
    link = page.locator("tr", has_text=origin).locator("a")

    def is_listed() -> bool:
        with page.expect_response("**/api/deadletters") as answer:
            page.keyboard.press("r")
        return origin in answer.value.text()

    eventually(is_listed, True)
    link.click()
    expect(page.locator("main")).to_contain_text("Why it was not applied")
    page.locator("summary", has_text="Bytes").last.click()
    expect(page.locator(".dump").last).to_contain_text("6b 65 70 74")  # "kept"
    target.execute(f"DROP TABLE {table.name}")

    page.get_by_role("button", name="Replay").click()
    page.get_by_role("button", name="Apply it again?").click()

    expect(page.locator(".said")).to_contain_text("Replayed: written to")
    expect(page.locator(".bar .state")).to_have_text("replayed")
    rows: Any = target.execute(f"SELECT id, body FROM {table.name}")
    assert list(rows) == [{"id": "a", "body": "kept"}]


def test_an_answer_is_shown_though_the_page_asks_again_before_it_comes(opened: Opened) -> None:
    asked: list[Route] = []
    page = opened("#/topics")
    page.route("**/api/deadletters", lambda route: asked.append(route))
    with page.expect_request("**/api/deadletters"):
        page.goto(page.url.replace("topics", "deadletters"))
    page.keyboard.press("r")
    page.keyboard.press("r")

    asked[0].fulfill(json={"letters": [], "older": 0, "topic": "letters"})

    expect(page.locator("main")).to_contain_text("No dead letter is open")
    asked[1].fulfill(json={"letters": [], "older": 7, "topic": "letters"})
    assert len(asked) == 2


def test_tables_are_compared_by_a_button(opened: Opened) -> None:
    page = opened("#/verify")
    page.locator("select").select_option("public.created_users")
    page.get_by_role("button", name="Compare").click()
    expect(page.locator(".note.loading")).to_contain_text("Comparing public.created_users")
    result = page.get_by_role("region", name="Tables").first
    expect(result.locator("tbody tr")).to_have_count(1, timeout=90_000)
    expect(page.locator(".note.loading")).to_have_count(0, timeout=90_000)
    expect(result).to_contain_text("public.created_users")
    expect(result.locator(".state")).to_have_text("equal")


def test_a_comparison_that_waits_is_stopped_by_a_button(
    stack: Stack, opened: Opened, source: Any, eventually: Any
) -> None:
    def waiting() -> int:
        """Comparisons that wait until the replication slot is past what was committed."""
        with source.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE query LIKE 'SELECT confirmed_flush_lsn - %' AND pid <> pg_backend_pid()"
            )
            return int(cursor.fetchone()[0])

    page = opened("#/verify")
    with paused(stack):
        insert(source)
        page.locator("select").select_option("public.created_users")
        page.get_by_role("button", name="Compare").click()
        eventually(waiting, 1)
        page.get_by_role("button", name="Stop").click()
        expect(page.get_by_role("alert")).to_have_text("It was stopped.")
        eventually(waiting, 0)
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    expect(page.get_by_role("button", name="Compare")).to_be_enabled()


def test_a_consumer_group_is_shown_with_how_far_it_is_behind(
    stack: Stack, opened: Opened, own_topic: str, eventually: Any
) -> None:
    places = [kafka.TopicPartition(own_topic, number) for number in (0, 1)]
    kafka_address = stack.settings.address("kafka")
    producer = kafka.KafkaProducer(bootstrap_servers=kafka_address)
    for partition in (0, 0, 0, 0, 0, 1):
        producer.send(own_topic, value=b"read by a group", partition=partition)
    producer.close()
    group = kafka.KafkaConsumer(
        own_topic, bootstrap_servers=kafka_address, group_id=own_topic, enable_auto_commit=False
    )
    page = opened(f"#/topics/{own_topic}")

    def commit(*offsets: int) -> None:
        at = (OffsetAndMetadata(offset, "", -1) for offset in offsets)
        group.commit(dict(zip(places, at, strict=True)))

    def expect_shown(state: str, behind: str, by_partition: str) -> None:
        page.keyboard.press("r")
        expect(page.locator("tbody td")).to_have_text([own_topic, state, behind, by_partition, "–"])

    def assigned() -> set[kafka.TopicPartition]:
        group.poll(timeout_ms=100)
        found: set[kafka.TopicPartition] = group.assignment()
        return found

    try:
        eventually(assigned, set(places))
        commit(2, 0)
        page.get_by_role("tab", name="Consumers").click()
        expect_shown("stable", "4", "0: 3, 1: 1")
        commit(5, 1)
        expect_shown("stable", "0", "0: 0, 1: 0")
    finally:
        group.close()
    expect_shown("empty", "0", "0: 0, 1: 0")
    with admin(stack.settings) as client:
        client.delete_groups([own_topic])


def test_actions_are_reached_by_tab_and_seen_to_have_the_focus(opened: Opened) -> None:
    page = opened("#/connectors")
    page.reload()  # a followed link leads the focus to the content, behind the frame
    expect(page.locator("tr", has_text="users").first).to_contain_text("running")
    reached = []
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(FOCUSED))
        if reached[-1] is None:
            break
    names = [name for name, _ in reached[:-1]]
    assert reached[-1] is None, names
    wanted = {"To the content", "Topics", "changes allowed", "Light or dark", "Shortcuts"}
    wanted |= {"Paste a connector", "Connectors", "users", "Pause", "Restart", "Stop"}
    assert wanted <= set(names)
    assert [name for name, is_seen in reached[:-1] if not is_seen] == []


def test_pages_are_used_by_keyboard(opened: Opened) -> None:
    page = opened("#/")
    page.keyboard.press("2")
    expect(page.locator("h1")).to_have_text("Topics")
    expect(page.locator("tbody tr").first).to_be_visible()
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.matches('td a')")
    page.keyboard.press("/")
    page.keyboard.type("created_users2?")  # typed, no shortcut
    expect(page.get_by_label("Find a topic")).to_have_value("created_users2?")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Shortcuts")).to_be_hidden()
    page.keyboard.press("t")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_a_topic_is_looked_through_by_keyboard(stack: Stack, opened: Opened) -> None:
    page = opened("#/topics")
    expect(page.locator("tbody tr").first).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type(stack.settings.source_topic)
    expect(page.locator("tbody tr")).to_have_count(1)
    page.keyboard.press("Tab")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text(stack.settings.source_topic)
    expect(page.locator("main")).to_be_focused()

    expect(page.locator(".record").first).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator(".record .whole")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".record .whole")).to_have_count(0)

    page.get_by_role("tab", name="Records").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Partitions")).to_be_focused()
    expect(page.get_by_role("tabpanel", name="Partitions")).to_contain_text("first offset")


def test_without_the_token_a_page_reads_and_changes_nothing(
    stack: Stack, opened: Opened, monitor: Monitor
) -> None:
    page = opened("#/connectors", with_token=False)
    row = page.locator("tr", has_text="users").first
    expect(row).to_contain_text("running")
    page.get_by_role("button", name="read only").click()
    dialog = page.get_by_role("dialog", name="Allow changes")
    dialog.get_by_label("Token").fill(monitor.token)
    dialog.get_by_role("button", name="Allow").click()
    expect(page.get_by_role("button", name="changes allowed")).to_be_visible()
    pause = f"{monitor.url}/api/connectors/users/pause"
    for headers in ({}, {tokens.HEADER: "wrong"}):
        assert requests.post(pause, headers=headers, timeout=10).status_code == 401
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    sent = requests.post(pause, data={"token": monitor.token}, headers=form, timeout=10)
    assert sent.status_code == 401
    state = requests.get(f"{monitor.url}/api/connectors/users", timeout=10).json()["connector"]
    assert state["state"] == "RUNNING"
    if stack.settings.mode != COMPOSE:
        assert stat.S_IMODE(tokens.path(stack.settings).stat().st_mode) == 0o600


def test_an_action_without_the_token_is_refused_and_tells_where_the_token_is(
    stack: Stack, opened: Opened, monitor: Monitor
) -> None:
    page = opened("#/connectors", with_token=False, is_refused=True)
    dialog = page.get_by_role("dialog", name="Allow changes")
    for path, action in (
        ("#/connectors", "Pause"),
        ("#/connectors/new", "Validate"),
        ("#/verify", "Compare"),
    ):
        page.goto(f"{monitor.url}/{path}")
        page.get_by_role("button", name=action).first.click()
        expect(dialog).to_contain_text(f"{stack.program} monitor --token")
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()

    page.goto(f"{monitor.url}/#token=of-a-monitor-before")
    page.goto(f"{monitor.url}/#/verify")
    page.get_by_role("button", name="Compare").click()
    expect(dialog.get_by_role("alert")).to_contain_text("each start draws another one")
    expect(page.get_by_role("button", name="read only")).to_have_count(1)
    refused = requests.post(f"{monitor.url}/api/verify", json=[], timeout=10)
    assert refused.status_code == 401
    assert f"`{stack.program} monitor --token` prints it" in refused.json()["error"]


def test_other_names_of_the_host_and_other_sites_are_refused(monitor: Monitor) -> None:
    def status(path: str, **headers: str) -> int:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return requests.get(f"{monitor.url}{path}", headers=given, timeout=10).status_code

    assert status("/", Host="127.0.0.1") == status("/", Host="localhost:1") == 200
    for path in ("/", "/api/about", "/static/app.js", "/health"):
        assert status(path, Host="rebound.example") == 403, path
    assert status("/api/about", Sec_Fetch_Site="same-origin") == 200
    assert status("/api/about", Sec_Fetch_Site="cross-site") == 403
    policy = requests.get(monitor.url, timeout=10).headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
