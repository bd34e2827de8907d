"""cassandra/with-late-timers.sh becomes the command, with timers that may be a millisecond late."""

import subprocess
import sys

from walflow.settings import HOME

SCRIPT = HOME / "cassandra" / "with-late-timers.sh"
PR_GET_TIMERSLACK = 30
SLACK = f"import ctypes; print(ctypes.CDLL(None).prctl({PR_GET_TIMERSLACK}))"


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ("sh", str(SCRIPT), *command), capture_output=True, text=True, check=False, timeout=30
    )


def test_the_command_has_a_millisecond_of_slack() -> None:
    done = _run(sys.executable, "-c", SLACK)

    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "1000000", "")


def test_arguments_and_exit_code_are_the_commands_own() -> None:
    done = _run("sh", "-c", 'printf "%s|" "$@"; exit 7', "name", "a b", "*")

    assert (done.returncode, done.stdout) == (7, "a b|*|")
