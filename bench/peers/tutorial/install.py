"""The tutorial's environment, made when it is first measured: PySpark 3.5.7 and its jars."""

import shutil
import subprocess
import sys
from pathlib import Path

from bench.failure import CannotMeasure
from walflow.install.prerequisites import require_maven
from walflow.install.steps import digest
from walflow.settings import HOME

HERE = Path(__file__).parent
FOLDER = HOME / ".venv-tutorial"
JARS = FOLDER / "jars"
POM, REQUIREMENTS = HERE / "pom.xml", HERE / "requirements.txt"
MOST_SECONDS = 900


def install() -> None:
    """Make it unless it is there.

    Raises:
        CannotMeasure: pip or Maven failed.
    """
    mark, wanted = FOLDER / ".installed", digest([POM, REQUIREMENTS])
    if mark.exists() and mark.read_text() == wanted:
        return
    shutil.rmtree(FOLDER, ignore_errors=True)
    _run(sys.executable, "-m", "venv", str(FOLDER))
    pip = (str(FOLDER / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-input")
    _run(*pip, "setuptools<80", "wheel", "py4j==0.10.9.7")
    # Hashed, and without what it asks for, which is py4j.
    _run(*pip, "--no-deps", "--no-build-isolation", "--require-hashes", "-r", str(REQUIREMENTS))
    maven = (require_maven(), "--batch-mode", "-ntp", "-f", str(POM), f"-Djars={JARS}")
    _run(*maven, "generate-resources")
    mark.write_text(wanted)


def _run(*command: str) -> None:
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=MOST_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise CannotMeasure(f"{' '.join(command)} did not end within {MOST_SECONDS} s.") from error
    if answer.returncode != 0:
        said = (answer.stdout + answer.stderr).strip()[-500:]
        raise CannotMeasure(f"The tutorial's job cannot be installed: {' '.join(command)}: {said}")
