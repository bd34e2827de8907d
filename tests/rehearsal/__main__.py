"""`make compose-rehearsal`: docker-compose.yml as it is, on stand-ins, up to demo and e2e suite.

What it does not know of its command line goes to pytest, in place of the whole suite.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import yaml

from tests.rehearsal import images
from tests.rehearsal.engine import running
from walflow.errors import ExitCode, WalflowError
from walflow.settings import HOME

RUN = HOME / ".run-rehearsal"
STACK = {
    # Below the ports that Linux gives to clients, and beside those of the tests.
    "WALFLOW_PORTS__OFFSET": "15000",
    "WALFLOW_PATHS__RUN": RUN.name,
    "WALFLOW_INGEST__USERS_API": "bundled",
    "WALFLOW_INGEST__SCHEDULE": "none",
}
OTHER_IMAGES = {"COMPOSE_FILE": f"{HOME}/docker-compose.yml{os.pathsep}{RUN}/images.yml"}
STEPS = (
    *("doctor", "demo", "status", "verify", "connectors list"),
    *("down", "up", "verify", "down --wipe"),
)
SUITE = "tests/e2e"
BIN = Path(sys.executable).parent


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.rehearsal", description=__doc__)
    part = parser.add_mutually_exclusive_group()
    part.add_argument("--images", action="store_true", help="build all images and end")
    part.add_argument("--steps", action="store_true", help="without the e2e suite")
    part.add_argument("--suite", action="store_true", help="the e2e suite only")
    wanted, for_pytest = parser.parse_known_args()
    RUN.mkdir(exist_ok=True)
    (RUN / "images.yml").write_text(yaml.safe_dump(images.override()))
    try:
        with running(RUN / "docker"):
            # Docker has started again what a rehearsal that was cut off had up.
            _walflow("down --wipe")
            began = time.monotonic()
            images.build_all()
            images.build_ours(OTHER_IMAGES)
            print(f"  built in {time.monotonic() - began:.0f} s", flush=True)
            if wanted.images:
                return 0
            code = 0 if wanted.suite else _steps()
            return code or (0 if wanted.steps else _suite(for_pytest or [SUITE]))
    except WalflowError as error:
        print(f"✘ NOT REHEARSED. {error.sentence}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("✘ NOT REHEARSED to the end: interrupted.", file=sys.stderr)
        return ExitCode.INTERRUPTED


def _steps() -> int:
    """The commands in their order; the first that fails is the outcome, and the stack is taken down."""
    is_down = False
    try:
        for step in STEPS:
            code = _walflow(step)
            if code != 0:
                return code
        is_down = True  # the last of them did it
        return 0
    finally:
        if not is_down:
            _walflow("down --wipe")


def _walflow(words: str) -> int:
    return _run([str(BIN / "walflow"), "--mode", "compose", *words.split()], STACK)


def _suite(arguments: Sequence[str]) -> int:
    """The e2e suite on a stack of its own, which it brings up by the demo and takes down."""
    return _run([str(BIN / "pytest"), "--mode", "compose", *arguments], {})


def _run(command: Sequence[str], environment: dict[str, str]) -> int:
    began = time.monotonic()
    print(f"\n$ {Path(command[0]).name} {' '.join(command[1:])}", flush=True)
    with subprocess.Popen(command, env=os.environ | OTHER_IMAGES | environment) as process:
        try:
            code = process.wait()
        except KeyboardInterrupt:
            process.wait()  # it has had the signal too, and takes down what it had up
            raise
    print(f"  ended with {code} after {time.monotonic() - began:.0f} s", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
