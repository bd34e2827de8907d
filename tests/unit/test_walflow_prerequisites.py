"""Programs that must be on the machine."""

import sys
from pathlib import Path

import pytest

from walflow.errors import WalflowError
from walflow.install import prerequisites


def test_missing_java_is_told_with_the_debian_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prerequisites, "_candidates", list)
    with pytest.raises(WalflowError, match=r"Java 17 is missing.*openjdk-17-jdk-headless"):
        prerequisites.java_home.__wrapped__()


def test_java_of_another_version_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    java = tmp_path / "bin" / "java"
    java.write_text("#!/bin/sh\necho 'openjdk version \"21.0.2\" 2024-01-16' >&2\n")
    java.chmod(0o755)
    monkeypatch.setattr(prerequisites, "_candidates", lambda: [tmp_path])
    with pytest.raises(WalflowError, match=f"Java 21 in {tmp_path}"):
        prerequisites.java_home.__wrapped__()


def test_java_without_a_compiler_is_told_with_the_debian_packages(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(prerequisites, "java_home", lambda: tmp_path)
    with pytest.raises(WalflowError, match=f"{tmp_path} has no compiler.*openjdk-17-jdk-headless"):
        prerequisites.require_compiler()


def test_missing_maven_is_told_with_the_debian_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(WalflowError, match=r"Maven \(mvn\) is missing.*maven"):
        prerequisites.require_maven()


def test_another_python_is_told_with_how_to_name_the_right_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    with pytest.raises(WalflowError, match=r"Python 3\.11 is needed.*make PYTHON=python3\.11"):
        prerequisites.require_python()
