"""The `walflow` script, and `python -m walflow` where no script was installed."""

import sys

from walflow.errors import ExitCode


def main() -> None:
    """Run the command line; loading it takes a second, in which Ctrl-C ends it like any command."""
    try:
        from walflow.cli import app
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        sys.exit(ExitCode.INTERRUPTED)
    app.main()


if __name__ == "__main__":
    main()
