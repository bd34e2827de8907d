"""A Docker engine for the rehearsal: the one that answers, or one of its own."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from walflow.compose.program import engine
from walflow.errors import ExitCode, WalflowError

PACKAGES = "apt-get install -y docker.io docker-compose debootstrap"
START_SECONDS = 60


@contextmanager
def running(folder: Path) -> Iterator[None]:
    """An engine that answers for the time of the block; its data stays in the folder for the next time.

    Raises:
        WalflowError: none answers and none can be started; the sentence says why.
    """
    try:
        engine()
    except WalflowError as refusal:
        with _own(folder, refusal):
            yield
        return
    yield


@contextmanager
def _own(folder: Path, refusal: WalflowError) -> Iterator[None]:
    program = shutil.which("dockerd", path="/usr/sbin:/usr/bin:/usr/local/bin")
    if program is None or os.getuid() != 0:
        raise WalflowError(
            f"{refusal.sentence} To have one for the rehearsal only, be root and: {PACKAGES}",
            ExitCode.NOT_READY,
        )
    folder.mkdir(parents=True, exist_ok=True)
    socket = f"unix://{folder / 'docker.sock'}"
    command = [
        *("nice", "-n", "5", program, "--host", socket),
        *("--data-root", str(folder / "data"), "--exec-root", str(folder / "exec")),
        *("--pidfile", str(folder / "docker.pid")),
    ]
    before = os.environ.get("DOCKER_HOST")
    os.environ["DOCKER_HOST"] = socket
    with (folder / "dockerd.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        _await(process, folder / "dockerd.log")
        yield
    finally:
        process.terminate()
        process.wait(START_SECONDS)
        if before is None:
            del os.environ["DOCKER_HOST"]
        else:
            os.environ["DOCKER_HOST"] = before


def _await(process: subprocess.Popen[bytes], log: Path) -> None:
    give_up = time.monotonic() + START_SECONDS
    while True:
        try:
            engine()
            return
        except WalflowError as refusal:
            if process.poll() is not None or time.monotonic() > give_up:
                tail = "\n".join(log.read_text(errors="replace").splitlines()[-10:])
                raise WalflowError(
                    f"dockerd cannot run on this machine. Its end:\n{tail}", ExitCode.NOT_READY
                ) from refusal
        time.sleep(0.3)
