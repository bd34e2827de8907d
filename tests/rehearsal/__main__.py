"""`make compose-rehearsal`: stand-ins, and the real docker-compose.yml on them up to demo and verify."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import yaml

from tests.rehearsal import images
from tests.rehearsal.engine import running
from walflow.errors import WalflowError
from walflow.settings import HOME

RUN = HOME / ".run-rehearsal"
STACK = {
    "WALFLOW_MODE": "compose",
    # Below the ports that Linux gives to clients, and beside those of the tests.
    "WALFLOW_PORTS__OFFSET": "15000",
    "WALFLOW_PATHS__RUN": RUN.name,
    "WALFLOW_INGEST__USERS_API": "bundled",
    "WALFLOW_INGEST__SCHEDULE": "none",
    "COMPOSE_FILE": f"{HOME / 'docker-compose.yml'}{os.pathsep}{RUN / 'images.yml'}",
}
STEPS = (("demo",), ("status",), ("verify",), ("connectors", "list"))


def main() -> int:
    parser = argparse.ArgumentParser(prog="make compose-rehearsal", description=__doc__)
    parser.add_argument("--images", action="store_true", help="build the stand-ins and end")
    wanted = parser.parse_args()
    os.environ.update(STACK)
    RUN.mkdir(exist_ok=True)
    (RUN / "images.yml").write_text(yaml.safe_dump(images.override()))
    try:
        with running(RUN / "docker"):
            images.build_all()
            return 0 if wanted.images else _rehearse()
    except WalflowError as error:
        print(f"✘ NOT REHEARSED. {error.sentence}", file=sys.stderr)
        return error.exit_code


def _rehearse() -> int:
    """The steps in their order; the first that fails is the outcome. The stack is taken down then."""
    walflow = Path(sys.executable).parent / "walflow"
    try:
        for step in STEPS:
            print(f"\n$ walflow --mode compose {' '.join(step)}", flush=True)
            code = subprocess.run([walflow, *step]).returncode
            if code != 0:
                return code
    finally:
        subprocess.run([walflow, "down", "--wipe"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
