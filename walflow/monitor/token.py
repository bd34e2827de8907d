"""The token without which the monitor changes nothing: made at its start, readable by its owner."""

import os
import secrets
from pathlib import Path

from walflow.advice import typed
from walflow.errors import ExitCode, WalflowError
from walflow.settings import Settings

HEADER = "X-Walflow-Token"
"""A header of its own: no form and no image of a foreign page can send it."""
_BYTES = 24


def path(settings: Settings) -> Path:
    return settings.run_dir / "monitor" / "token"


def new(settings: Settings) -> str:
    """Draw a token and keep it in a file of mode 0600 below the run folder."""
    token = secrets.token_urlsafe(_BYTES)
    file = path(settings)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    half = file.with_name("token.new")
    with open(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as written:
        written.write(token)
    half.replace(file)
    return token


def read(settings: Settings) -> str:
    """The token of the monitor that was started last.

    Raises:
        WalflowError: there is none, or it is another user's.
    """
    file = path(settings)
    try:
        return file.read_text()
    except FileNotFoundError as error:
        raise WalflowError(
            f"There is no token in {file}: the monitor was never started. Run:"
            f" {typed('up monitor')}",
            ExitCode.NOT_READY,
        ) from error
    except PermissionError as error:
        raise WalflowError(
            f"{file} is for the user who started the monitor.", ExitCode.NOT_READY
        ) from error


def is_right(expected: str, given: str) -> bool:
    """Compared in constant time."""
    return secrets.compare_digest(expected.encode(), given.encode())
