"""Programs that must be on the machine before anything can be installed."""

import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from walflow.errors import ExitCode, WalflowError

PYTHON = (3, 11)
JAVA = 17
APT = (
    "apt-get install -y openjdk-17-jdk-headless maven python3.11 python3.11-venv"
    " make git postgresql-client"
)
APT_DEV = "apt-get install -y --no-install-recommends chromium prometheus"
"""What tests need beside that."""


def require_python() -> str:
    """The version of the Python that runs this.

    Raises:
        WalflowError: it is not the one that the locks were made for, or has no venv.
    """
    found = sys.version_info[:2]
    if found != PYTHON:
        raise WalflowError(
            f"Python {PYTHON[0]}.{PYTHON[1]} is needed, and {sys.executable} is"
            f" {found[0]}.{found[1]}. Name another with `make PYTHON=python3.11 …`, or install: {APT}",
            ExitCode.NOT_READY,
        )
    try:
        import ensurepip  # noqa: F401  # Debian splits it off into python3.11-venv
        import venv  # noqa: F401
    except ImportError as error:
        raise WalflowError(
            f"{sys.executable} cannot make virtual environments. Install: {APT}", ExitCode.NOT_READY
        ) from error
    return f"{sys.version.split()[0]} ({sys.executable})"


def require_maven() -> str:
    """The path of `mvn`.

    Raises:
        WalflowError: there is none.
    """
    path = shutil.which("mvn")
    if path is None:
        raise WalflowError(f"Maven (mvn) is missing. Install: {APT}", ExitCode.NOT_READY)
    return path


def require_chromium() -> str:
    """The path of a Chromium, in which the tests look at the monitor; nothing else needs it.

    Raises:
        WalflowError: there is none.
    """
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    raise WalflowError(
        f"Chromium is missing, in which tests look at the monitor. Install: {APT_DEV}",
        ExitCode.NOT_READY,
    )


def require_prometheus() -> tuple[str, str]:
    """The paths of `prometheus` and `promtool`, which scrape a stack and test alerts in the tests.

    Raises:
        WalflowError: one of them is missing.
    """
    paths = shutil.which("prometheus"), shutil.which("promtool")
    if paths[0] is None or paths[1] is None:
        raise WalflowError(
            f"Prometheus is missing, which the tests run. Install: {APT_DEV}", ExitCode.NOT_READY
        )
    return paths[0], paths[1]


def require_java() -> str:
    """The home of the Java that will be used, for a person to read."""
    return f"{JAVA} ({java_home()})"


def require_compiler() -> Path:
    """The path of `javac`.

    Raises:
        WalflowError: the Java that will be used has none, as Debian's jre packages.
    """
    path = java_home() / "bin" / "javac"
    if not path.exists():
        raise WalflowError(
            f"The Java in {java_home()} has no compiler (javac). Install: {APT}", ExitCode.NOT_READY
        )
    return path


@cache
def java_home() -> Path:
    """Home of a Java 17: JAVA_HOME, else the `java` on the PATH, else Debian's place for it.

    Cassandra 5.0 starts on 11 and 17 only, Spark 4 on 17 and later: 17 is what all share.

    Raises:
        WalflowError: no Java 17 is installed; names those found and the Debian package.
    """
    found = []
    for home in _candidates():
        version = _major_version(home / "bin" / "java")
        if version == JAVA:
            return home
        if version is not None:
            found.append(f"Java {version} in {home}")
    seen = f" Found: {', '.join(found)}." if found else ""
    raise WalflowError(f"Java {JAVA} is missing.{seen} Install: {APT}", ExitCode.NOT_READY)


def _candidates() -> list[Path]:
    homes = []
    if named := os.environ.get("JAVA_HOME"):
        homes.append(Path(named))
    if on_path := shutil.which("java"):
        homes.append(Path(on_path).resolve().parent.parent)
    return homes + sorted(Path("/usr/lib/jvm").glob("*17*"))


def _major_version(java: Path) -> int | None:
    try:
        output = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30)
    except OSError:
        return None
    match = re.search(r'version "(?:1\.)?(\d+)', output.stderr)
    return int(match[1]) if match else None
