"""Whether the ports of services are free, and who holds those that are not."""

import contextlib
import socket
from collections.abc import Iterable

import psutil

from walflow.errors import ExitCode, WalflowError
from walflow.stack.service import NotReady, Service


def require_free(services: Iterable[Service]) -> None:
    """Check every port of services that are to be started.

    Raises:
        WalflowError: names each port in use, its setting, and the process that holds it.
    """
    require_free_ports(
        (s.name, setting, port) for s in services for setting, port in s.ports.items()
    )


def require_free_ports(wanted: Iterable[tuple[str, str, int]]) -> None:
    """The same for names of services, their settings under `[ports]`, and the ports.

    Raises:
        WalflowError: as `require_free`.
    """
    taken = [
        f"Port {port} of {name} is in use by {holder(port)}. Stop it, or choose another:"
        f" WALFLOW_PORTS__{setting.upper()} or ports.{setting} in pipeline.toml"
        " (ports.offset moves all)."
        for name, setting, port in wanted
        if not _is_free(port)
    ]
    if taken:
        raise WalflowError("\n".join(taken), ExitCode.NOT_READY)


def require_listening(address: str, seconds: float = 2.0) -> None:
    """A cheap look before a client is made, which starts threads and tries for seconds.

    Args:
        address: host:port.
        seconds: for which an answer is awaited.

    Raises:
        NotReady: nobody takes connections there.
    """
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=seconds).close()
    except OSError as error:
        raise NotReady(f"nobody listens at {address}") from error


def holder(port: int) -> str:
    """Name and pid of the process that listens on a port, as far as the system tells."""
    with contextlib.suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            address = connection.laddr
            if connection.status == psutil.CONN_LISTEN and address and address.port == port:
                if connection.pid is None:
                    break
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    return "a process of another user"


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a port whose last connection is still winding down is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
