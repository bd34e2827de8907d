"""What only containers have: their starts in order, Control Center, and `down` at any moment."""

import json
import os
import subprocess
import threading
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg2
import pytest
import requests
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import Stack
from tests.e2e.avro_records import send
from tests.e2e.tables import sides_are_equal
from tests.stack_environment import STACK
from walflow.compose.containers import containers
from walflow.compose.environment import project, variables
from walflow.compose.lifecycle import started_services
from walflow.compose.program import ask, compose
from walflow.metrics.monitoring import jmx_rules
from walflow.metrics.scraping import FILE as SCRAPED
from walflow.settings import HOME

pytestmark = pytest.mark.only("compose", "it is about containers")

PASSWORD = "WALFLOW_POSTGRES__SUPERUSER_PASSWORD"
WRITERS = 3
WRITTEN = 200
"""Users that each has committed, at the least, when the stack goes down."""


def test_control_center_answers_and_finds_what_it_is_told_of(stack: Stack) -> None:
    """The stand-in of a rehearsal answers 503 where a server of its settings does not answer."""
    if "control-center" not in started_services(stack.settings):
        pytest.skip("the profile is without Control Center")
    page = requests.get(f"http://{stack.settings.address('control_center')}/", timeout=30)
    assert page.status_code == 200, page.text


def test_doctor_finds_all_well_and_says_the_memory_of_all_services(stack: Stack) -> None:
    answer = stack.walflow("doctor")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "all limits together are" in answer.stdout + answer.stderr
    assert "free, or held by this stack" in answer.stdout + answer.stderr


def test_secrets_come_from_a_file_and_from_the_shell_before_it(tmp_path: Path) -> None:
    written = HOME / ".env"
    own = tmp_path / "own.env"
    own.write_text(f"{written.read_text()}{PASSWORD}=of-the-file\nWALFLOW_MASKING__KEY=a-key\n")

    assert _given_to("postgres", own)["POSTGRES_PASSWORD"] == "of-the-file"
    assert _given_to("stream", own)["WALFLOW_MASKING__KEY"] == "a-key"
    of_shell = _given_to("postgres", own, **{PASSWORD: "of-the-shell"})
    assert of_shell["POSTGRES_PASSWORD"] == "of-the-shell"


def _given_to(service: str, env_file: Path, **shell: str) -> Any:
    """The environment that Compose gives to a container."""
    command, _ = compose()
    said = subprocess.run(
        [*command, "--env-file", str(env_file), "config"],
        cwd=HOME,
        env=os.environ | shell,
        capture_output=True,
        text=True,
        check=True,
    )
    return yaml.safe_load(said.stdout)["services"][service]["environment"]


def test_the_demo_runs_in_a_container_too_and_shows_addresses_of_this_machine(
    stack: Stack,
) -> None:
    """`make compose-demo`, for whom Docker is enough."""
    command, _ = compose()
    demo = subprocess.run(
        [*command, "run", "--rm", "-T", "demo"],
        cwd=HOME,
        env=os.environ | STACK | variables(stack.settings),
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert demo.returncode == 0, demo.stderr
    assert "connector users unchanged, RUNNING" in demo.stderr
    assert "gone from Cassandra" in demo.stderr
    for part in ("http://127.0.0.1:28080", "http://127.0.0.1:28081/subjects", "29021", "29092"):
        assert part in demo.stderr


def test_each_target_of_the_profile_monitoring_gives_its_metrics(stack: Stack) -> None:
    """Asked for by the monitor's container, since Prometheus' image has no stand-in."""
    (asking,) = [
        one.identifier for one in containers(project(stack.settings)) if one.service == "monitor"
    ]
    look = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1]).read().decode(), end='')"
    for job in yaml.safe_load(SCRAPED.read_text())["scrape_configs"]:
        (target,) = job["static_configs"][0]["targets"]
        told = ask(["exec", asking, "python", "-c", look, f"http://{target}/metrics"])
        given = {s.name for family in text_string_to_metric_families(told) for s in family.samples}
        of_agent = {rule.name for rule in jmx_rules() if rule.server == job["job_name"]}
        assert of_agent or "walflow_healthy" in given
        assert of_agent <= given, job["job_name"]


def test_the_log_of_the_streams_tasks_is_shown_as_in_local_mode(stack: Stack) -> None:
    origin = send(stack.settings, b"of a log", b"no Avro")
    give_up = time.monotonic() + 60
    while f" at={origin} " not in (said := stack.walflow("logs", "executor", "-n", "200")).stdout:
        assert said.returncode == 0, said.stderr
        assert time.monotonic() < give_up, said.stdout
    letters = json.loads(stack.walflow("deadletters", "list", "-o", "json").stdout)
    (place,) = [letter["place"] for letter in letters if letter["origin"] == origin]
    assert stack.walflow("deadletters", "discard", place, "--yes").returncode == 0


class _Writer(threading.Thread):
    """Inserts users until PostgreSQL goes away; `committed` are those that it has acknowledged."""

    def __init__(self, dsn: str) -> None:
        super().__init__()
        self._connection = psycopg2.connect(dsn)
        self._connection.autocommit = True
        self.committed: list[str] = []
        self.has_written = threading.Event()

    def run(self) -> None:
        cursor = self._connection.cursor()
        insert = "INSERT INTO created_users (id, first_name, last_name) VALUES (%s, 'A', 'L')"
        try:
            while True:
                user = str(uuid4())
                cursor.execute(insert, (user,))
                self.committed.append(user)
                if len(self.committed) % 3 == 0:
                    update = "UPDATE created_users SET phone = 'changed' WHERE id = %s"
                    cursor.execute(update, (user,))
                if len(self.committed) >= WRITTEN:
                    self.has_written.set()
        except psycopg2.OperationalError:
            self._connection.close()


def _volumes(stack: Stack) -> set[str]:
    """The volumes of the stack's containers: named ones, and those of the images' own VOLUME lines."""
    found = [container.identifier for container in containers(project(stack.settings))]
    names = '{{range .Mounts}}{{if eq .Type "volume"}}{{.Name}} {{end}}{{end}}'
    return set(ask(["inspect", "--format", names, *found]).split())


def test_down_in_the_middle_of_writes_and_up_again_loses_nothing(stack: Stack) -> None:
    writers = [_Writer(stack.settings.postgres_dsn()) for _ in range(WRITERS)]
    for writer in writers:
        writer.start()
    assert all(writer.has_written.wait(60) for writer in writers)
    mounted = _volumes(stack)

    down = stack.walflow("down")
    for writer in writers:
        writer.join(30)

    assert down.returncode == 0, down.stderr
    assert not any(writer.is_alive() for writer in writers)
    left = mounted & set(ask(["volume", "ls", "--quiet"]).split())
    assert left == {name for name in mounted if name.startswith(f"{project(stack.settings)}_")}
    up = stack.walflow("up")
    assert up.returncode == 0, up.stderr
    committed = {user for writer in writers for user in writer.committed}
    with psycopg2.connect(stack.settings.postgres_dsn()) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT id::text FROM created_users")
        assert committed <= {user for (user,) in cursor.fetchall()}
    verified = stack.walflow("verify", "created_users")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert sides_are_equal(stack.settings)


def test_status_shows_that_each_service_was_started_after_what_it_waits_for(stack: Stack) -> None:
    """By the `up` before; a server that was restarted alone comes after what waits for it."""
    answer = stack.walflow("status", "-o", "json")
    assert answer.returncode == 0, answer.stderr
    states = {state["name"]: state for state in json.loads(answer.stdout)["services"]}
    known = started_services(stack.settings)
    assert set(states) == set(known)
    for name, service in known.items():
        assert states[name]["state"] == ("done" if service.runs_once else "ready")
        assert states[name]["after_seconds"] >= 0
        # What prepares something and ends is run again by each `up`.
        servers = [need for need in service.needs if not known[need].runs_once]
        assert all(states[need]["order"] < states[name]["order"] for need in servers), name
