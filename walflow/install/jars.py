"""Jars and server archives by Maven, from pom.xml into .deps."""

import shutil
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
    mark.write_text(wanted)
    return True
