"""What a careless user of Docker does, each answered with a sentence and an exit code."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator

import pytest

from tests.conftest import stack_settings, walflow
from tests.servers import Containers
from tests.stack_environment import STACK
from walflow.compose.program import ask
from walflow.settings import HOME

pytestmark = pytest.mark.only("compose", "it is about Docker")

# A project of its own beside the shared one, of which only small services are started.
ASIDE = {"WALFLOW_PORTS__OFFSET": "23000", "WALFLOW_PATHS__RUN": ".run-aside"}
PROJECT = "walflow-aside"


@pytest.fixture
def aside() -> Iterator[Containers]:
    servers = Containers(stack_settings(**ASIDE))
    servers.remove()
    yield servers
    servers.remove()


def test_without_docker_it_is_told_how_to_get_it(aside: Containers) -> None:
    answer = walflow("up", **ASIDE, PATH="/nonexistent")
    assert answer.returncode == 3
    assert "docker is missing. On Debian: apt-get install" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_daemon_that_does_not_run_is_told(aside: Containers) -> None:
    answer = walflow("demo", **ASIDE, DOCKER_HOST="unix:///nonexistent.sock")
    assert answer.returncode == 3
    assert "Docker's daemon does not answer" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_taken_port_is_named_with_its_holder_and_its_setting(aside: Containers) -> None:
    with socket.create_server(("127.0.0.1", 28432)):
        answer = walflow("up", "postgres", **ASIDE)
    assert answer.returncode == 3
    assert "Port 28432 of postgres is in use by" in answer.stderr
    assert f"(pid {os.getpid()})" in answer.stderr
    assert "WALFLOW_PORTS__POSTGRES" in answer.stderr
    assert aside.left_over() == []


def test_a_volume_of_another_version_is_refused_and_left_as_it_is(aside: Containers) -> None:
    volume = f"{PROJECT}_postgres"
    labels = (f"com.docker.compose.project={PROJECT}", "walflow.version=postgres-17")
    words = [word for label in labels for word in ("--label", label)]
    ask(["volume", "create", *words, volume])
    answer = walflow("up", "postgres", **ASIDE)
    assert answer.returncode == 3
    assert f"The volume {volume} holds data of version postgres-17" in answer.stderr
    assert aside.left_over() == []
    assert volume in ask(["volume", "ls", "--quiet"]).split()
    # What the sentence advises clears the way.
    assert walflow("down", "--wipe", **ASIDE).returncode == 0
    assert walflow("up", "postgres", **ASIDE).returncode == 0


def test_a_service_that_dies_again_and_again_is_stopped_with_the_end_of_its_log(
    aside: Containers,
) -> None:
    # A heap of a megabyte is too small for any Java server.
    answer = walflow("up", "zookeeper", **ASIDE, WALFLOW_HEAP_MEGABYTES__ZOOKEEPER="1")
    assert answer.returncode == 1
    assert "zookeeper died 3 times while it was starting. The end of its log:" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert walflow("up", "zookeeper", **ASIDE).returncode == 0


def _starting_kafka() -> subprocess.Popen[str]:
    """`walflow up kafka`, which has got as far as its ZooKeeper."""
    process = subprocess.Popen(
        [HOME / ".venv" / "bin" / "walflow", "up", "kafka"],
        env=os.environ | STACK | ASIDE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    while "zookeeper" not in process.stderr.readline():
        assert process.poll() is None
    return process


def test_ctrl_c_during_up_leaves_nothing_running_and_up_again_goes_on(aside: Containers) -> None:
    process = _starting_kafka()
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Stopped what had been started" in rest
    running = ["ps", "--quiet", "--filter", f"label=com.docker.compose.project={PROJECT}"]
    assert ask(running).split() == []
    assert walflow("up", "kafka", **ASIDE).returncode == 0


def test_down_from_another_terminal_ends_an_up_with_a_sentence(aside: Containers) -> None:
    process = _starting_kafka()
    down = walflow("down", **ASIDE)
    _, rest = process.communicate(timeout=300)
    assert down.returncode == 0, down.stderr
    assert process.returncode not in (0, None)
    assert "✘ " in rest and "Traceback" not in rest
    assert walflow("up", "kafka", **ASIDE).returncode == 0


def test_an_unknown_service_is_answered_with_the_known_ones(aside: Containers) -> None:
    answer = walflow("up", "kafak", **ASIDE)
    assert answer.returncode == 2
    assert "There is no service kafak. The services are: users-api, postgres" in answer.stderr
