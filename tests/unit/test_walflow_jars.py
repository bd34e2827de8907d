"""What Maven brings is what the lock names, or the installation says so."""

from pathlib import Path

import pytest

from walflow.errors import WalflowError
from walflow.install import jars


def test_a_jar_that_differs_from_the_lock_is_named(tmp_path: Path) -> None:
    (tmp_path / "kafka").mkdir()
    (tmp_path / "kafka" / "clients.jar").write_bytes(b"as released")
    locked = jars.checksums(tmp_path)
    jars._require_locked(locked, jars.checksums(tmp_path))
    (tmp_path / "kafka" / "clients.jar").write_bytes(b"as somebody changed it")
    with pytest.raises(WalflowError, match=r"names: kafka/clients\.jar\. If pom\.xml was changed"):
        jars._require_locked(locked, jars.checksums(tmp_path))


def test_a_jar_too_many_and_one_too_few_are_named(tmp_path: Path) -> None:
    (tmp_path / "one.jar").touch()
    locked = jars.checksums(tmp_path)
    (tmp_path / "one.jar").rename(tmp_path / "two.jar")
    with pytest.raises(WalflowError, match=r"one\.jar, two\.jar"):
        jars._require_locked(locked, jars.checksums(tmp_path))


def test_the_lock_is_in_the_order_in_which_it_is_written() -> None:
    paths = [Path(line.split("  ")[1]) for line in jars.LOCK.read_text().splitlines()]
    assert paths == sorted(paths)
