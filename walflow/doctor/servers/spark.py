"""Spark: its version, and the slots that the stream really has."""

from dataclasses import dataclass

from walflow.errors import ExitCode, WalflowError
from walflow.settings import Settings
from walflow.stack.http import get_json
from walflow.stack.service import NotReady


@dataclass(frozen=True)
class SparkStream:
    at: str
    version: str
    slots: int
    """Of the stream's executors."""


def read_spark(settings: Settings) -> SparkStream:
    """Raises WalflowError: the stream's driver does not answer."""
    at = f"http://{settings.address('spark_ui')}"
    try:
        version = get_json(f"{at}/api/v1/version")["spark"]
        applications = get_json(f"{at}/api/v1/applications")
        if not applications:
            raise NotReady(f"{at} has no application")
        executors = get_json(f"{at}/api/v1/applications/{applications[0]['id']}/executors")
    except NotReady as error:
        raise WalflowError(f"The stream does not run: {error}.", ExitCode.NOT_READY) from error
    slots = sum(int(e["totalCores"]) for e in executors if e["id"] != "driver")
    return SparkStream(at, str(version), slots)
