"""Jars and server archives by Maven, from pom.xml into .deps, checked against requirements/jars.sha256.

`.venv/bin/python -m walflow.install.jars` writes that lock anew from what Maven brings.
"""

import hashlib
import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from walflow.errors import WalflowError
from walflow.install.prerequisites import require_compiler, require_maven
from walflow.install.steps import Steps, digest

HOME = Path(__file__).resolve().parents[2]
POM = HOME / "pom.xml"
LOCK = HOME / "requirements" / "jars.sha256"
"""Lines of sha256sum, with paths below .deps."""
DEPS = HOME / ".deps"
PLUGINS = DEPS / "plugins"
CONNECT = HOME / "connect"
PROFILES = {
    "plain": "Debezium, Schema Registry, PostgreSQL and Spark's Kafka source",
    "kafka": "Kafka, Connect and ZooKeeper",
    "converter": "Avro converter",
    "cassandra": "Cassandra",
}


@dataclass(frozen=True)
class OurPart:
    """What is added to a plugin of Connect's.

    Attributes:
        classes: compiled from `connect/<class>.java`.
        services: interface → class, for ServiceLoader. Connect finds plugins by these; otherwise it
            would scan every class of its plugins at start, which takes 6 s of CPU.
    """

    folder: str
    title: str
    classes: tuple[str, ...]
    services: Mapping[str, str]


OURS = (
    OurPart(
        "avro-converter",
        "schema resolver",
        ("RememberingResolver",),
        {
            "org.apache.kafka.connect.storage.Converter": (
                "io.apicurio.registry.utils.converter.AvroConverter"  # whose jar does not say so
            )
        },
    ),
    OurPart(
        "debezium-connector-postgres",
        "prompt connector",
        ("PromptPostgresConnector", "PromptPostgresTask", "GatheringQueue"),
        {
            "org.apache.kafka.connect.source.SourceConnector": "walflow.PromptPostgresConnector",
            "io.debezium.connector.base.QueueProvider": "walflow.GatheringQueue",
        },
    ),
)


def install(steps: Steps) -> bool:
    """Bring in every profile of pom.xml; False if all are there.

    Raises:
        WalflowError: Maven or the compiler failed, or Maven brought other files than the lock names.
    """
    made_from = [POM, LOCK, Path(__file__), *sorted(CONNECT.glob("*.java"))]
    mark, wanted = DEPS / ".installed", digest(made_from)
    if mark.exists() and mark.read_text() == wanted:
        return False
    _fetch(steps)
    _require_locked(LOCK.read_text().splitlines(), checksums(DEPS))
    for plugin in OURS:
        _add_to_plugin(plugin, steps)
    (DEPS / "class-archives").mkdir()
    mark.write_text(wanted)
    return True


def class_path(*parts: str) -> str:
    """All jars of the given folders of `.deps`."""
    return os.pathsep.join(str(DEPS / part / "*") for part in parts)


def checksums(folder: Path) -> list[str]:
    """A line of sha256sum for each archive below a folder, by path."""
    paths = [p for p in folder.rglob("*") if p.suffix in (".jar", ".txz")]
    return [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder)}"
        for path in sorted(paths)
    ]


def _fetch(steps: Steps) -> None:
    shutil.rmtree(DEPS, ignore_errors=True)
    for profile, title in PROFILES.items():
        command = [require_maven(), "--batch-mode", "-ntp", "-f", str(POM), "-P", profile]
        steps.run(
            f"jars: {title}", [*command, "generate-resources"], 1, lambda line: "BUILD" in line
        )


def _require_locked(locked: list[str], found: list[str]) -> None:
    """Maven would only warn of a checksum that differs, and some repositories have none."""
    if locked == found:
        return
    differing = sorted({line.split("  ")[1] for line in set(locked) ^ set(found)})
    raise WalflowError(
        f"Maven brought other files than {LOCK.relative_to(HOME)} names: {', '.join(differing[:5])}"
        f"{f' and {len(differing) - 5} more' if len(differing) > 5 else ''}. If pom.xml was changed,"
        " `make lock` writes the lock anew; if not, take these artifacts out of Maven's cache"
        " (~/.m2/repository) and run the same command again."
    )


def _add_to_plugin(plugin: OurPart, steps: Steps) -> None:
    """Put a jar with what is ours beside those of a plugin of Connect."""
    folder = PLUGINS / plugin.folder
    sources = [str(CONNECT / f"{name}.java") for name in plugin.classes]
    with tempfile.TemporaryDirectory() as classes:
        paths = class_path(f"plugins/{plugin.folder}", "kafka")
        compiler = [str(require_compiler()), "-Werror", "-cp", paths, "-d", classes]
        steps.run(f"jars: {plugin.title}", [*compiler, *sources], 1, lambda line: False)
        with zipfile.ZipFile(folder / "ours.jar", "w") as jar:
            for interface, implementation in plugin.services.items():
                jar.writestr(f"META-INF/services/{interface}", f"{implementation}\n")
            for path in sorted(Path(classes).rglob("*.class")):
                jar.write(path, path.relative_to(classes))


if __name__ == "__main__":
    try:
        _fetch(Steps())
    except WalflowError as error:
        sys.exit(f"✘ {error.sentence}")
    LOCK.write_text("\n".join(checksums(DEPS)) + "\n")
