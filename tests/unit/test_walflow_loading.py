"""Ctrl-C while the commands are still being loaded."""

import subprocess
import sys

from walflow.errors import ExitCode

INTERRUPTED_AT_ITS_IMPORT = """
import sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "walflow.cli.app":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupting())
from walflow.__main__ import main
main()
"""


def test_ctrl_c_while_the_commands_are_loaded_leaves_no_traceback() -> None:
    result = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_AT_ITS_IMPORT],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert result.returncode == ExitCode.INTERRUPTED
    assert result.stderr == "Interrupted.\n"
