"""The rehearsal stands in for every official image, and changes nothing but names of images."""

import re
from pathlib import Path

import pytest
import yaml

from tests.rehearsal import images
from walflow.settings import HOME

COMPOSE = yaml.safe_load((HOME / "docker-compose.yml").read_text())
DOCKERFILES = sorted(images.FOLDER.glob("*/Dockerfile"))


def test_each_official_image_has_a_stand_in_and_no_other_is_there() -> None:
    repositories = {image.rpartition(":")[0] for image in images.official_images()}
    assert repositories == set(images.STAND_INS)
    folders = {path.parent.name for path in DOCKERFILES}
    assert folders == set(images.STAND_INS.values()) | set(images.FOUNDATIONS)


def test_the_override_names_images_and_nothing_else() -> None:
    services = images.override()["services"]
    assert set(services) == set(COMPOSE["services"])
    for name, service in services.items():
        if "build" in service:
            assert set(service) == {"build"} and set(service["build"]) == {"args"}
            named = service["build"]["args"].values()
        else:
            assert set(service) == {"image"}
            named = [service["image"]]
        assert all(image.startswith(f"{images.PREFIX}/") for image in named), name


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.parent.name)
def test_stand_ins_are_built_on_our_debian_only(dockerfile: Path) -> None:
    bases = re.findall(r"^FROM (\S+)", dockerfile.read_text(), re.MULTILINE)
    assert bases and all(base.startswith(f"{images.PREFIX}/") for base in bases)


@pytest.mark.parametrize("name", sorted(images.STAND_INS))
def test_stand_ins_say_so(name: str) -> None:
    text = (images.FOLDER / images.STAND_INS[name] / "Dockerfile").read_text()
    assert "# Stands in for" in text


def test_stand_ins_have_the_paths_that_the_compose_file_mounts_volumes_on() -> None:
    for name, service in COMPOSE["services"].items():
        if "build" in service or images.NOT_REHEARSED in service.get("profiles", ()):
            continue
        folder = images.STAND_INS[service["image"].rpartition(":")[0]]
        text = (images.FOLDER / folder / "Dockerfile").read_text()
        for volume in service.get("volumes", ()):
            source, _, path = volume.partition(":")
            if not source.startswith(".") and not path.endswith(":ro"):
                assert path in text, f"{name}: {path}"
