"""What can go wrong, as sentences, and the exit codes that say which kind it was."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every `walflow` command (documented in docs/cli.md)."""

    OK = 0
    FAILED = 1
    """The command ran and what it was asked to see or do did not come true."""
    USAGE = 2
    """The command line or `pipeline.toml` is wrong; nothing was done."""
    NOT_READY = 3
    """The machine or the stack lacks something: a port, a program, disk, a running service."""
    INTERRUPTED = 130


class WalflowError(Exception):
    """A failure told to the user as a sentence: what failed, where, what to do next."""

    def __init__(self, sentence: str, exit_code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.exit_code = exit_code
