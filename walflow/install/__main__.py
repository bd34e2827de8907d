"""`python3 -m walflow.install [--dev]`: brings in what is missing and says what it did."""

import argparse
import sys

from walflow.errors import WalflowError
from walflow.install import jars, venvs
from walflow.install.prerequisites import (
    require_chromium,
    require_compiler,
    require_maven,
    require_prometheus,
    require_python,
)
from walflow.install.steps import Steps


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m walflow.install", description=__doc__)
    parser.add_argument("--dev", action="store_true", help="also what lint, types and tests need")
    wanted = parser.parse_args()
    try:
        require_python()
        require_compiler()
        require_maven()
        if wanted.dev:
            _tell_of_what_tests_need()
        done = Steps().side_by_side(
            (
                lambda steps: venvs.install(steps, "main", wanted.dev),
                lambda steps: venvs.install(steps, "airflow", dev=False),
                jars.install,
            )
        )
    except WalflowError as error:
        print(f"✘ {error.sentence}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("\nInterrupted; run it again to go on.", file=sys.stderr)
        return 130
    if not any(done):
        print("✔ everything is installed already", file=sys.stderr)
    return 0


def _tell_of_what_tests_need() -> None:
    """Lint, types and all other tests do without it."""
    for require, tests in ((require_chromium, "monitor"), (require_prometheus, "metrics")):
        try:
            require()
        except WalflowError as error:
            print(f"! {error.sentence} Until then tests of {tests} fail.", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
