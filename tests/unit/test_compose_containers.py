"""What Docker says of containers, in walflow's words."""

from typing import Any

import pytest

from walflow.compose.containers import (
    Container,
    ServiceState,
    _megabytes,
    _seconds,
    container,
    states,
    word,
)
from walflow.compose.file import ComposeService

SERVER = ComposeService("kafka", 512, (), ("zookeeper",), runs_once=False)
STREAM = ComposeService("stream", 512, (), (), runs_once=False, halts=True)
ONCE = ComposeService("setup", 128, (), ("kafka",), runs_once=True)


def found(status: str, health: str = "", exit_code: int = 0, started: float = 1.0) -> Container:
    return Container("id", "kafka", status, health, exit_code, 0, started, 0.0)


@pytest.mark.parametrize(
    ("service", "docker", "expected"),
    [
        (SERVER, None, "stopped"),
        (SERVER, found("created"), "waiting"),
        (SERVER, found("running", "starting"), "starting"),
        (SERVER, found("running", "healthy"), "ready"),
        (SERVER, found("running"), "ready"),
        (SERVER, found("running", "unhealthy"), "unhealthy"),
        (SERVER, found("restarting", exit_code=1), "restarting"),
        (SERVER, found("exited", exit_code=1), "failed"),
        (SERVER, found("exited", exit_code=143), "stopped"),
        (SERVER, found("exited"), "stopped"),
        (STREAM, found("exited"), "halted"),
        (STREAM, found("exited", exit_code=143), "stopped"),
        (STREAM, found("exited", exit_code=1), "failed"),
        (ONCE, found("running"), "starting"),
        (ONCE, found("exited"), "done"),
        (ONCE, found("exited", exit_code=3), "failed"),
    ],
)
def test_a_containers_state_in_one_word(
    service: ComposeService, docker: Container | None, expected: str
) -> None:
    assert word(service, docker) == expected


def test_services_come_in_the_order_of_their_starts_with_seconds_since_the_first() -> None:
    known = {name: ComposeService(name, 1, (), (), False) for name in ("late", "never", "first")}
    docker = [
        Container("2", "late", "running", "healthy", 0, 0, 107.5, 0),
        Container("1", "first", "running", "healthy", 0, 0, 100.0, 0),
    ]

    shown = states(known, docker, {"late": 7}, {"late": "127.0.0.1:1"}, now=110.0)

    assert [(s.order, s.name, s.after_seconds, s.up_seconds) for s in shown] == [
        (1, "first", 0.0, 10.0),
        (2, "late", 7.5, 2.5),
        (None, "never", None, 0.0),
    ]
    assert shown[1].as_row() == (
        *("2", "late", "ready", "+7.5 s", "00:00:02", "0"),
        *("7 of 1 MB", "127.0.0.1:1"),
    )


def test_a_failed_service_says_where_to_look() -> None:
    (state,) = states({"kafka": SERVER}, [found("exited", exit_code=1)], {}, {}, now=2.0)
    assert isinstance(state, ServiceState)
    assert state.reason == "failed with exit code 1: see `walflow --mode compose logs kafka`"
    assert not state.is_ready


def test_a_halted_stream_says_how_it_goes_on() -> None:
    (state,) = states({"kafka": STREAM}, [found("exited")], {}, {}, now=2.0)
    assert state.state == "halted" and not state.is_ready
    assert "`walflow --mode compose logs stream -n 5` says where it stopped" in state.reason


def test_docker_inspect_is_read() -> None:
    told: dict[str, Any] = {
        "Id": "abc",
        "Config": {"Labels": {"com.docker.compose.service": "kafka"}},
        "RestartCount": 2,
        "State": {
            "Status": "running",
            "ExitCode": 0,
            "StartedAt": "2026-11-21T16:03:28.569996492Z",
            "FinishedAt": "0001-01-01T00:00:00Z",
            "Health": {"Status": "healthy"},
        },
    }
    read = container(told)
    assert (read.service, read.health, read.restarts, read.ended) == ("kafka", "healthy", 2, 0.0)
    assert read.started == pytest.approx(1795277008.569996)


def test_times_and_sizes_are_read_as_docker_writes_them() -> None:
    assert _seconds("2026-11-21T16:03:28Z") == 1795277008.0
    assert _megabytes("566.1MiB ") == 566
    assert _megabytes("1.5GiB") == 1536
    assert _megabytes("0B") == 0
