"""A port in use is told with its setting and with who holds it."""

import os
import socket

import pytest

from walflow.errors import ExitCode, WalflowError
from walflow.stack.ports import holder, require_free, require_listening
from walflow.stack.service import NotReady, Readiness, Service

READY = Readiness("answers", lambda: None)


def service(name: str, **ports: int) -> Service:
    return Service(name, ("true",), READY, ports=ports)


def test_a_port_that_this_process_holds_is_named_with_its_pid() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        with pytest.raises(WalflowError) as caught:
            require_free([service("broker", kafka=port)])

    assert caught.value.exit_code is ExitCode.NOT_READY
    assert f"Port {port} of broker is in use by " in caught.value.sentence
    assert f"(pid {os.getpid()})" in caught.value.sentence
    assert "WALFLOW_PORTS__KAFKA or ports.kafka in pipeline.toml" in caught.value.sentence


def test_every_port_in_use_is_told_and_no_free_one() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
        socket.socket() as unused,
    ):
        unused.bind(("127.0.0.1", 0))
        free = unused.getsockname()[1]
        unused.close()
        first, second = one.getsockname()[1], two.getsockname()[1]

        with pytest.raises(WalflowError) as caught:
            require_free([service("a", kafka=first, connect=free), service("b", registry=second)])

    lines = caught.value.sentence.splitlines()
    assert len(lines) == 2
    assert f"Port {first} of a" in lines[0]
    assert f"Port {second} of b" in lines[1]


def test_a_port_whose_last_connection_is_winding_down_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _ = server.accept()
    accepted.close()  # the side that closes first is the one that lingers
    client.close()

    require_free([service("broker", kafka=port)])


def test_the_holder_of_a_port_that_is_connected_but_not_listened_on_is_not_guessed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        own_port = client.getsockname()[1]

        assert holder(own_port) == "a process of another user"

        client.close()


def test_an_address_at_which_nobody_listens_is_not_ready() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        require_listening(address)
    with pytest.raises(NotReady, match=f"nobody listens at {address}"):
        require_listening(address)
