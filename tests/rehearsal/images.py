"""Stand-ins for the official images: which takes the place of which, and how they are built."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from walflow.compose.program import compose
from walflow.errors import ExitCode, WalflowError
from walflow.settings import HOME

FOLDER = HOME / "tests" / "rehearsal" / "standins"
PREFIX = "walflow-rehearsal"
DEBIAN = f"{PREFIX}/debian:bookworm"
FOUNDATIONS = ("base", "java", "maven", "python")
"""Built first, in this order: the others build on them."""
STAND_INS = {
    "maven": "maven",
    "python": "python",
    "confluentinc/cp-zookeeper": "confluent",
    "confluentinc/cp-server": "confluent",
    "confluentinc/cp-kafka-connect": "confluent",
    "confluentinc/cp-schema-registry": "schema-registry",
    "confluentinc/cp-enterprise-control-center": "control-center",
    "postgres": "postgres",
    "cassandra": "cassandra",
    "apache/airflow": "airflow",
}
"""Official repository → folder of its stand-in."""
NOT_REHEARSED = "monitoring"
"""A profile whose images have none: docs/rehearsal.md says how they were checked instead."""
CERTIFICATES = Path("/usr/local/share/ca-certificates")
"""Where Debian keeps the machine's own authorities."""
BUILT_BY_US = "walflow/"


def official_images() -> set[str]:
    """Every image that docker-compose.yml and the three Dockerfiles name and do not build."""
    compose = yaml.safe_load((HOME / "docker-compose.yml").read_text())
    images = {
        str(service["image"])
        for service in compose["services"].values()
        if NOT_REHEARSED not in service.get("profiles", ())
    }
    bases = {base for path in HOME.glob("*/Dockerfile") for base in base_images(path).values()}
    return {image for image in images if not image.startswith(BUILT_BY_US)} | bases


def base_images(dockerfile: Path) -> dict[str, str]:
    """Build argument → image, of a Dockerfile."""
    return dict(re.findall(r"^ARG (\w+_IMAGE)=(\S+)", dockerfile.read_text(), re.MULTILINE))


def stand_in(image: str) -> str:
    """The name of the image that takes an official one's place."""
    return f"{PREFIX}/{image}"


def override() -> dict[str, Any]:
    """A second compose file: other names of images, and nothing else."""
    compose = yaml.safe_load((HOME / "docker-compose.yml").read_text())
    services: dict[str, Any] = {}
    for name, service in compose["services"].items():
        if "build" in service:
            bases = base_images(HOME / service["build"]["dockerfile"])
            services[name] = {"build": {"args": {k: stand_in(v) for k, v in bases.items()}}}
        else:
            services[name] = {"image": stand_in(service["image"])}
    return {"services": services}


def build_all() -> None:
    """Debian, then every stand-in; what is built already comes from the engine's cache.

    Raises:
        WalflowError: debootstrap is missing, or a build failed.
    """
    _import_debian()
    for name in FOUNDATIONS:
        _build(name, f"{PREFIX}/{name}:latest")
    for image in sorted(official_images()):
        folder = STAND_INS[image.rpartition(":")[0]]
        _build(folder, stand_in(image))


def build_ours(environment: Mapping[str, str]) -> None:
    """The images of the three Dockerfiles, at the same time: `up` builds one after the other.

    Args:
        environment: beside this process's own.

    Raises:
        WalflowError: a build failed.
    """
    compose_file = yaml.safe_load((HOME / "docker-compose.yml").read_text())
    built = {s["image"]: name for name, s in compose_file["services"].items() if "build" in s}
    print(f"{', '.join(image.partition(':')[0] for image in built)} …", flush=True)
    command, _ = compose()
    _run([*command, "build", "--parallel", *built.values()], environment=environment)


def _import_debian() -> None:
    if subprocess.run(["docker", "image", "inspect", DEBIAN], capture_output=True).returncode == 0:
        return
    program = shutil.which("debootstrap", path="/usr/sbin:/sbin:/usr/bin")
    if program is None:
        raise WalflowError(
            "debootstrap is missing. Install: apt-get install -y docker.io docker-compose debootstrap",
            ExitCode.NOT_READY,
        )
    print("Debian by debootstrap …", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        _run(["nice", "-n", "10", program, "--variant=minbase", "bookworm", str(root)])
        with subprocess.Popen(["tar", "-C", root, "-c", "."], stdout=subprocess.PIPE) as tar:
            _run(["docker", "import", "--change", 'CMD ["bash"]', "-", DEBIAN], tar.stdout)


def _build(folder: str, tag: str) -> None:
    print(f"{tag} …", flush=True)
    dockerfile = FOLDER / folder / "Dockerfile"
    with tempfile.TemporaryFile() as context:
        with tarfile.open(fileobj=context, mode="w", format=tarfile.GNU_FORMAT) as tar:
            tar.add(dockerfile, "Dockerfile")
            for source in _copied(dockerfile):
                if source == "certificates":
                    _add_certificates(tar)
                else:
                    tar.add(HOME / source, source)
        context.seek(0)
        _run(["docker", "build", "--tag", tag, "-"], context)


def _copied(dockerfile: Path) -> Iterator[str]:
    for words in re.findall(r"^COPY (?!--from)(.+)$", dockerfile.read_text(), re.MULTILINE):
        yield from (source.rstrip("/") for source in words.split()[:-1])


def _add_certificates(tar: tarfile.TarFile) -> None:
    """Through which the machine reaches its package registries; there may be none."""
    with tempfile.TemporaryDirectory() as empty:
        tar.add(empty, "certificates", recursive=False)
    for path in sorted(CERTIFICATES.glob("*.crt")):
        tar.add(path, f"certificates/{path.name}")


def _run(
    command: list[str], given: Any = None, environment: Mapping[str, str] | None = None
) -> None:
    result = subprocess.run(
        command,
        stdin=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=HOME,
        env=os.environ | dict(environment or {}),
    )
    if result.returncode != 0:
        tail = "\n".join(result.stdout.splitlines()[-30:])
        raise WalflowError(f"`{' '.join(command)}` failed:\n{tail}")


if __name__ == "__main__":
    try:
        build_all()
    except WalflowError as error:
        sys.exit(f"✘ {error.sentence}")
