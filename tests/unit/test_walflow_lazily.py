"""Commands are imported when they are used, and are all there."""

import subprocess
import sys
from typing import Any

from typer.main import get_command

from walflow.cli.app import app
from walflow.cli.lazily import MODULES


def test_a_command_imports_no_other() -> None:
    loaded = "import sys; from walflow.cli import app; app.app(['version'], standalone_mode=False)"
    heavy = ("kafka", "cassandra", "psycopg2", "requests", "pyspark")
    result = subprocess.run(
        [sys.executable, "-c", f"{loaded}; print([m for m in {heavy} if m in sys.modules])"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert result.stdout.splitlines()[1:] == ["[]"]


def test_each_command_is_made_under_its_name() -> None:
    group: Any = get_command(app)

    assert {name: command.name for name, command in group.commands.items()} == {
        name: name for name in MODULES
    }
