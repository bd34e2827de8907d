"""Command lines that start a server on the Java runtime."""

import os

from walflow.install.prerequisites import java_home
from walflow.settings import HOME

DEPS = HOME / ".deps"


def java(heap_megabytes: int, *options: str) -> tuple[str, ...]:
    """Start of a command line: the runtime, its heap bound, and options that every server has."""
    return (
        str(java_home() / "bin" / "java"),
        f"-Xmx{heap_megabytes}m",
        "-XX:+ExitOnOutOfMemoryError",
        "-Djava.net.preferIPv4Stack=true",
        *options,
    )


def class_path(*parts: str) -> str:
    """All jars of the given folders of `.deps`."""
    return os.pathsep.join(str(DEPS / part / "*") for part in parts)
