"""What the kernel would hold back on a record's way, and what it may be late with."""

import socket

import psutil
import pytest

from change_stream.config import stream_config
from change_stream.connections import cassandra_session
from tests.conftest import Stack
from tests.workload.kills import command_of
from walflow.stack.spark import addresses
from walflow.stack.supervision import Supervisor


def _processes(stack: Stack, service: str) -> list[psutil.Process]:
    pid = Supervisor(stack.settings).states()[service].pid
    assert pid, service
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def test_groups_of_writes_do_not_wait_for_acknowledgements_of_tcp(stack: Stack) -> None:
    session = cassandra_session(stream_config(stack.settings, addresses(stack.settings)))
    try:
        connection = session.cluster.control_connection._connection
        assert isinstance(connection, session.cluster.connection_class)
        assert connection._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
    finally:
        session.cluster.shutdown()


@pytest.mark.only("local", "in containers processes are not the tester's")
def test_records_reach_python_by_unix_sockets(stack: Stack) -> None:
    daemons = [
        process
        for process in _processes(stack, "spark-worker")
        if "change_stream.worker_daemon" in command_of(process)
    ]
    assert daemons
    for process in daemons:
        listening = process.net_connections("unix")
        sockets = [str(found.laddr) for found in listening if found.laddr]
        # By a path in the folder of the executor, which goes with it, and not in /tmp, where it stays.
        assert sockets and all(path.startswith("./.") for path in sockets), sockets
        assert not [c for c in process.net_connections("tcp") if c.status == psutil.CONN_LISTEN]


@pytest.mark.only("local", "in containers processes are not the tester's")
def test_cassandras_idle_workers_look_for_work_a_thousand_times_a_second_at_most(
    stack: Stack,
) -> None:
    (server, *_) = _processes(stack, "cassandra")
    try:
        with open(f"/proc/{server.pid}/timerslack_ns") as slack:
            assert int(slack.read()) == 1_000_000
    except PermissionError:
        pytest.skip("only root may read another process's timer slack")
