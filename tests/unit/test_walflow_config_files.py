"""Rendered configuration holds the station's own file and what the running stack adds."""

from pathlib import Path

import yaml

from walflow.stack.config_files import read_options, write_properties, write_yaml


def test_properties_are_kept_and_additions_come_last(tmp_path: Path) -> None:
    base, target = tmp_path / "base.properties", tmp_path / "new" / "config" / "server.properties"
    base.write_text("# why\nport=1\nname=a=b")

    write_properties(base, {"port": 9092, "dir": "/data"}, target)

    lines = target.read_text().splitlines()
    assert lines[:3] == ["# why", "port=1", "name=a=b"]
    assert lines[-2:] == ["port=9092", "dir=/data"]


def test_yaml_keys_are_replaced_added_and_else_kept(tmp_path: Path) -> None:
    base, target = tmp_path / "cassandra.yaml", tmp_path / "new" / "cassandra.yaml"
    base.write_text("num_tokens: 16\nlisten_address: other\n")

    write_yaml(base, {"listen_address": "127.0.0.1", "data": ["a", "b"]}, target)

    assert yaml.safe_load(target.read_text()) == {
        "num_tokens": 16,
        "listen_address": "127.0.0.1",
        "data": ["a", "b"],
    }
    assert "Rendered from cassandra.yaml" in target.read_text()


def test_options_are_read_without_comments_and_empty_lines(tmp_path: Path) -> None:
    file = tmp_path / "jvm.options"
    file.write_text("# heap\n-Xss256k\n\n  --add-opens java.base/java.io=ALL-UNNAMED  \n#-Xmx1g\n")

    assert read_options(file) == ["-Xss256k", "--add-opens java.base/java.io=ALL-UNNAMED"]
