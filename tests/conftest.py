"""The stack that integration and e2e tests share: real servers, on ports of their own.

`pytest --mode compose` runs them against containers instead of processes of this machine.
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import hypothesis
import psycopg2
import pytest
from cassandra.cluster import Session
from cassandra.query import dict_factory

from tests.servers import Containers, Processes, Servers
from tests.stack_environment import COMPOSE, LOCAL, STACK, choose
from walflow.settings import HOME, Settings
from walflow.stack.cassandra import cluster
from walflow.stack.postgres import apply_schema
from walflow.stack.supervision import Supervisor

DEMO_USERS = 60

# An example that takes long on a busy machine is no failure.
hypothesis.settings.register_profile("walflow", deadline=None)
hypothesis.settings.load_profile("walflow")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--mode", choices=(LOCAL, COMPOSE), default=LOCAL, help="what runs the servers of the tests"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "only(mode, why): the test is for one mode, for a reason")
    config.addinivalue_line("markers", "long: minutes of waiting or load; `make test-long`")
    choose(config.getoption("--mode"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    mode = config.getoption("--mode")
    for item in items:
        for marker in item.iter_markers("only"):
            if marker.args[0] != mode:
                reason = f"--mode {marker.args[0]} only: {marker.args[1]}"
                item.add_marker(pytest.mark.skip(reason=reason))


@dataclass(frozen=True)
class Stack:
    """The running stack, as tests reach it."""

    settings: Settings
    servers: Servers
    demo: subprocess.CompletedProcess[str]
    """The run of `walflow demo` that brought it up."""

    def walflow(
        self, *arguments: str, given: str | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return walflow(*arguments, given=given, **environment)

    @property
    def program(self) -> str:
        """What a command line begins with in advice: pipeline.toml names local mode."""
        mode = self.settings.mode
        return "walflow" if mode == LOCAL else f"walflow --mode {mode}"

    @property
    def supervisor(self) -> Supervisor:
        """Of local mode."""
        return Supervisor(self.settings)


def walflow(
    *arguments: str, given: str | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the command as a person does, with the test stack's settings.

    Args:
        given: its standard input.
    """
    return subprocess.run(
        [HOME / ".venv" / "bin" / "walflow", *arguments],
        env=os.environ | STACK | environment,
        input=given,
        capture_output=True,
        text=True,
        timeout=500,
    )


def stack_settings(**environment: str) -> Settings:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (STACK | environment).items():
            patch.setenv(name, value)
        return Settings()  # type: ignore[call-arg]  # the fields come from the sources


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Brought up by the demo itself, taken down and wiped at the end."""
    settings = stack_settings()
    servers: Servers = (Containers if settings.mode == COMPOSE else Processes)(settings)
    servers.remove()
    try:
        demo = walflow("demo", "--users", str(DEMO_USERS))
        # What answers on these ports may be another stack, if this one did not come up.
        assert demo.returncode == 0, demo.stdout + demo.stderr
        yield Stack(settings, servers, demo)
    finally:
        servers.remove()


@pytest.fixture(scope="module")
def target(stack: Stack) -> Iterator[Session]:
    """A Cassandra session on the target keyspace; rows are dicts.

    One for each file: a session whose node was killed and is back refuses what it is asked until
    its next heartbeat, of one in 30 s, so a test that kills Cassandra makes its own.
    """
    with cluster(stack.settings) as connected:
        session = connected.connect(stack.settings.cassandra.keyspace)
        session.row_factory = dict_factory
        yield session


@pytest.fixture
def source(stack: Stack) -> Iterator[Any]:
    """A connection to PostgreSQL that commits each statement."""
    connection = psycopg2.connect(stack.settings.postgres_dsn())
    connection.autocommit = True
    try:
        yield connection
    finally:
        connection.close()


@pytest.fixture(scope="session")
def users_admin_dsn(stack: Stack) -> str:
    """A database of its own with the users' schema: tests may do with it what they like."""
    postgres = stack.settings.postgres.model_copy(update={"database": "store_test"})
    settings = stack.settings.model_copy(update={"postgres": postgres})
    apply_schema(settings)
    return settings.postgres_dsn()


@pytest.fixture(scope="session")
def users_dsn(users_admin_dsn: str, stack: Stack) -> str:
    return psycopg2.extensions.make_dsn(
        users_admin_dsn, user="users_writer", password=stack.settings.postgres.writer_password
    )


@pytest.fixture
def eventually() -> Callable[[Callable[[], Any], Any], None]:
    """Wait until a question has the expected answer; fails with the last answer."""

    def wait(question: Callable[[], Any], expected: Any, seconds: float = 60) -> None:
        give_up = time.monotonic() + seconds
        while (answer := question()) != expected:
            assert time.monotonic() < give_up, f"still {answer!r}, not {expected!r}"
            time.sleep(0.02)

    return wait
