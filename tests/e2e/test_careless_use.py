"""What a careless user does, each answered with a sentence and an exit code."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator

import pytest

from tests.conftest import stack_settings, walflow
from tests.stack_environment import STACK
from walflow.settings import HOME
from walflow.stack import lifecycle
from walflow.stack.supervision import Supervisor

pytestmark = pytest.mark.only("local", "it is about walflow's own processes")

# A stack of its own beside the shared one, of which only small services are started.
ASIDE = {"WALFLOW_PORTS__OFFSET": "23000", "WALFLOW_PATHS__RUN": ".run-aside"}


@pytest.fixture
def aside() -> Iterator[Supervisor]:
    settings = stack_settings(**ASIDE)
    yield Supervisor(settings)
    lifecycle.down(settings)
    lifecycle.wipe(settings)


def test_a_taken_port_is_named_with_its_holder_and_its_setting(aside: Supervisor) -> None:
    with socket.create_server(("127.0.0.1", 31090)):
        answer = walflow("up", "users-api", **ASIDE)
    assert answer.returncode == 3
    assert "Port 31090 of users-api is in use by" in answer.stderr
    assert f"(pid {os.getpid()})" in answer.stderr
    assert "WALFLOW_PORTS__USERS_API" in answer.stderr
    assert aside.marked_processes() == []


def test_an_unknown_service_is_answered_with_the_known_ones(aside: Supervisor) -> None:
    answer = walflow("up", "kafak", **ASIDE)
    assert answer.returncode == 2
    assert "There is no service kafak. The services are: users-api, postgres" in answer.stderr


def test_ctrl_c_during_up_leaves_no_process(aside: Supervisor) -> None:
    process = subprocess.Popen(
        [HOME / ".venv" / "bin" / "walflow", "up", "registry"],
        env=os.environ | STACK | ASIDE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert "zookeeper" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Stopped what had been started" in rest
    assert aside.marked_processes() == []


def test_what_outlived_a_killed_supervisor_is_swept_up(aside: Supervisor) -> None:
    assert walflow("up", "users-api", **ASIDE).returncode == 0
    pid = int((aside.run_dir / "supervisord.pid").read_text())
    os.kill(pid, signal.SIGKILL)
    assert aside.marked_processes() != []
    assert walflow("down", **ASIDE).returncode == 0
    assert aside.marked_processes() == []


def test_a_service_that_dies_again_and_again_is_left_stopped_with_the_end_of_its_log(
    aside: Supervisor,
) -> None:
    # A heap of a megabyte is too small for any Java server.
    answer = walflow("up", "zookeeper", **ASIDE, WALFLOW_HEAP_MEGABYTES__ZOOKEEPER="1")
    assert answer.returncode == 1
    assert "zookeeper died while it was starting" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_too_little_disk_is_told_before_anything_starts(aside: Supervisor) -> None:
    answer = walflow("demo", **ASIDE, WALFLOW_SUPERVISION__MIN_FREE_DISK_GIGABYTES="1000000")
    assert answer.returncode == 3
    assert "GB free, and the stack needs 1000000 GB" in answer.stderr
    assert aside.marked_processes() == []


def test_a_broken_setting_is_told_by_file_line_and_key(aside: Supervisor) -> None:
    answer = walflow("status", **ASIDE, WALFLOW_TOPICS__PARTITIONS="many")
    assert answer.returncode == 2
    assert "WALFLOW_TOPICS__PARTITIONS" in answer.stderr
    assert "topics.partitions" in answer.stderr


def test_commands_say_how_to_start_what_does_not_answer(aside: Supervisor) -> None:
    answer = walflow("connectors", "list", **ASIDE)
    assert answer.returncode == 3
    assert "Kafka Connect does not answer" in answer.stderr
