"""Jars and server archives by Maven, from pom.xml into .deps."""

import shutil
import zipfile
from pathlib import Path

from walflow.install.prerequisites import require_maven
from walflow.install.steps import digest, run

HOME = Path(__file__).resolve().parents[2]
POM = HOME / "pom.xml"
DEPS = HOME / ".deps"
PROFILES = {
    "plain": "Debezium, Schema Registry, PostgreSQL and Spark's Kafka source",
    "kafka": "Kafka, Connect and ZooKeeper",
    "converter": "Avro converter",
    "cassandra": "Cassandra",
}


def install() -> bool:
    """Bring in every profile of pom.xml; False if all are there.

    Raises:
        WalflowError: Maven failed.
    """
    mark, wanted = DEPS / ".installed", digest([POM])
    if mark.exists() and mark.read_text() == wanted:
        return False
    shutil.rmtree(DEPS, ignore_errors=True)
    for profile, title in PROFILES.items():
        # -C: a file whose checksum differs from the repository's is refused.
        command = [require_maven(), "--batch-mode", "-C", "-ntp", "-f", str(POM), "-P", profile]
        run(f"jars: {title}", [*command, "generate-resources"], 1, lambda line: "BUILD" in line)
    _add_converter_manifest()
    (DEPS / "class-archives").mkdir()
    mark.write_text(wanted)
    return True


def _add_converter_manifest() -> None:
    """Name the converter's class where Connect's ServiceLoader looks for it.

    Without it Connect would scan every class of its plugins at start, which takes 6 s of CPU.
    """
    service = "META-INF/services/org.apache.kafka.connect.storage.Converter"
    with zipfile.ZipFile(DEPS / "plugins" / "avro-converter" / "manifest.jar", "w") as jar:
        jar.writestr(service, "io.apicurio.registry.utils.converter.AvroConverter\n")
