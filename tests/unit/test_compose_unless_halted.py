"""What Docker is to start again ends with its code; what has halted ends with 0."""

import signal
import subprocess
import sys

import pytest

from walflow.compose import unless_halted
from walflow.stack.service import HALTED

KILLED = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"


@pytest.mark.parametrize(
    ("program", "code"),
    [
        (f"raise SystemExit({HALTED})", 0),
        ("raise SystemExit(2)", 2),
        ("pass", 1),
        (KILLED, 128 + signal.SIGKILL),
    ],
    ids=["halted", "failed", "just ended", "killed"],
)
def test_only_a_halt_ends_with_0(program: str, code: int) -> None:
    assert unless_halted.main([sys.executable, "-c", program]) == code


def test_a_request_to_end_is_passed_on() -> None:
    inner = "import time; print('up', flush=True); time.sleep(60)"
    command = [sys.executable, "-m", unless_halted.__name__, sys.executable, "-c", inner]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "up\n"
        process.terminate()
        assert process.wait(20) == 128 + signal.SIGTERM
