"""`python -m walflow.compose.unless_halted COMMAND...`: run the stream so that a halt is left alone.

Docker starts again whatever has ended with another code than 0 (`restart: on-failure`). So a stream that
has halted, which would stop at the same record again, ends with 0 here, and with 0 for nothing else.
Nothing but Python's own library is imported: it stays beside the stream.
"""

import signal
import subprocess
import sys
from collections.abc import Sequence
from types import FrameType

from walflow.stack.service import HALTED


def main(command: Sequence[str]) -> int:
    """The command's exit code, 128 + N if signal N ended it; 0 if it has halted, 1 if it just ended."""
    with subprocess.Popen(command) as process:

        def pass_on(number: int, _: FrameType | None) -> None:
            process.send_signal(number)

        signal.signal(signal.SIGTERM, pass_on)
        signal.signal(signal.SIGINT, pass_on)
        code = process.wait()
    if code < 0:
        return 128 - code
    return 0 if code == HALTED else code or 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
