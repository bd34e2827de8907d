"""Compose mode and local mode run the same pipeline: what is in one only fails here."""

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from walflow.compose import environment, file, inside
from walflow.install.jars import LOCK, OURS
from walflow.settings import HOME, SETTINGS_FILE, Settings
from walflow.stack.catalogue import services as local_services
from walflow.stack.config_files import read_options
from walflow.stack.jvm import ASIDE, BROKER, LIGHT
from walflow.stack.spark import READ_BY_STREAM

COMPOSE: dict[str, Any] = yaml.safe_load((HOME / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SHIPPED = tomllib.loads(SETTINGS_FILE.read_text())
POM = ElementTree.parse(HOME / "pom.xml")
MAVEN = "{http://maven.apache.org/POM/4.0.0}"
DOCKERFILES = sorted(HOME.glob("*/Dockerfile"))
VARIABLE = re.compile(r"\$\{(WALFLOW_\w+?)(?::-[^}]*)?\}")
ONLY_IN_COMPOSE = {
    "setup": "local mode does it in `walflow up`, service by service",
    "airflow-migrate": "local mode does it before the API server's start",
    "connector-restarts": "local mode has a listener of supervisord",
    "control-center": "Confluent gives it as an image only",
    "jmx-agent": "local mode has the agent in .deps",
    "prometheus": "local mode has none: docs/metrics.md says how to run Debian's",
    "grafana": "local mode has none",
    "demo": "local mode runs it in `walflow demo`",
}
NOT_PUBLISHED = {
    *("zookeeper", "cassandra_storage", "spark_master", "airflow_logs"),
    *("kafka_metrics", "connect_metrics", "cassandra_metrics"),
}
"""Ports that no person uses."""
NAMED_BY_PEOPLE = ("aggregates", "tables")
"""Sections whose keys are names that people give: overridden as a whole, by JSON."""


@pytest.fixture(scope="module")
def settings() -> Settings:
    return Settings()  # type: ignore[call-arg]  # the fields come from the sources


def pom(name: str) -> str:
    element = POM.find(f"{MAVEN}properties/{MAVEN}{name}.version")
    assert element is not None and element.text
    return element.text


def image(service: str) -> tuple[str, str]:
    name, _, tag = str(SERVICES[service]["image"]).rpartition(":")
    return name, tag


def pinned(package: str, lock: str) -> str:
    text = (HOME / "requirements" / lock).read_text()
    match = re.search(rf"^{re.escape(package)}==(\S+)", text, re.MULTILINE)
    assert match is not None
    return match[1]


def command(service: str) -> list[str]:
    return [str(word) for word in SERVICES[service]["command"]]


def test_each_service_of_local_mode_has_its_container(settings: Settings) -> None:
    assert set(SERVICES) - set(ONLY_IN_COMPOSE) == set(local_services(settings))


def test_what_a_service_needs_in_local_mode_it_waits_for_in_compose(settings: Settings) -> None:
    def waited_for(name: str) -> set[str]:
        direct = set(SERVICES[name].get("depends_on", {}))
        return direct.union(*(waited_for(need) for need in direct)) if direct else direct

    for name, service in local_services(settings).items():
        assert {*service.needs, *service.beside} <= waited_for(name), name


def test_env_file_is_as_pipeline_toml_says() -> None:
    assert environment.ENV_FILE.read_text() == environment.env_file(), (
        "run .venv/bin/python -m walflow.compose.environment"
    )


def test_each_variable_of_the_compose_file_is_in_the_env_file_and_no_other() -> None:
    used = set(VARIABLE.findall((HOME / "docker-compose.yml").read_text())) - {"WALFLOW_TAG"}
    assert used == {
        environment.variable(section, key)
        for section, keys in environment.TAKEN.items()
        for key in keys
    } | {environment.SPARK_WORKER}


def test_each_slot_of_the_stream_has_its_memory_in_the_workers_container(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """26 tasks did not fit into the memory of eight slots: they were killed again and again."""
    shipped = SHIPPED["stream"]["slots"]
    limits = []
    for slots in (shipped, shipped + 40):
        monkeypatch.setenv("WALFLOW_STREAM__SLOTS", str(slots))
        known = file.services(environment.variables(Settings()))  # type: ignore[call-arg]
        limits.append(known["spark-worker"].memory_megabytes)
    assert limits[1] == limits[0] + 40 * environment.SLOT_MEGABYTES


def test_each_port_is_published_on_loopback_or_named_as_no_persons() -> None:
    published = {}
    for name, service in SERVICES.items():
        for text in service.get("ports", ()):
            address, variable, inner = re.fullmatch(r"(.+):\$\{(\w+)\}:(\d+)", text).groups()  # type: ignore[union-attr]
            assert address == "127.0.0.1", name
            published[variable.removeprefix("WALFLOW_PORTS__").lower()] = int(inner)
    ports = {key: value for key, value in SHIPPED["ports"].items() if key != "offset"}
    assert set(published) == set(ports) - NOT_PUBLISHED
    assert published == {key: ports[key] for key in published}


def test_containers_find_servers_by_the_ports_that_pipeline_toml_ships() -> None:
    inner = {
        key.removeprefix("WALFLOW_PORTS__").lower(): port
        for key, port in COMPOSE["x-inside"].items()
        if key.startswith("WALFLOW_PORTS__")
    }
    # Within the network, Kafka's clients use a listener of their own.
    assert inner.pop("kafka") == 29092
    assert inner == {key: SHIPPED["ports"][key] for key in inner}


def test_hosts_within_the_network_are_services_of_the_file() -> None:
    hosts = {
        key.removeprefix("WALFLOW_HOSTS__").lower(): host
        for key, host in COMPOSE["x-inside"].items()
        if key.startswith("WALFLOW_HOSTS__")
    }
    assert set(hosts) == set(SHIPPED["hosts"])
    assert set(hosts.values()) <= set(SERVICES)
    place = inside.SPARK
    assert {place.master, place.worker, place.driver} <= set(SERVICES)


def overrides() -> set[str]:
    parts = (part for name, part in COMPOSE.items() if name.startswith("x-overrides-"))
    return {variable for part in parts for variable in part}


def test_overrides_reach_containers_as_they_reach_the_stream() -> None:
    """Each key of each section that the stream reads, whatever pipeline.toml gains."""
    expected = {
        environment.variable(section, key)
        for section in READ_BY_STREAM
        if section not in NAMED_BY_PEOPLE
        for key in SHIPPED.get(section, {})
        if section != "supervision" or "restart" in key or key == "start_timeout_seconds"
    }
    heaps = {environment.variable("heap_megabytes", k) for k in SHIPPED["heap_megabytes"]}
    by_name = {f"WALFLOW_{section.upper()}" for section in NAMED_BY_PEOPLE}
    in_env_file = {
        environment.variable("heap_megabytes", k) for k in environment.TAKEN["heap_megabytes"]
    }
    assert overrides() == expected | by_name | (heaps - in_env_file)


def test_the_stream_the_demo_and_the_monitor_get_every_override() -> None:
    for name in ("stream", "demo", "monitor"):
        assert overrides() <= set(SERVICES[name]["environment"]), name


def test_a_setting_of_the_stream_alone_replaces_no_other_server() -> None:
    """Spark's master and worker would take the stream's executor with them."""
    shared = set(COMPOSE["x-overrides-spark"])
    for name in set(SERVICES) - {"stream", "demo", "monitor"}:
        given = set(SERVICES[name].get("environment", ()))
        assert not {v for v in given - shared if v.startswith("WALFLOW_STREAM__")}, name


def test_confluents_images_are_of_one_version_which_has_kafka_3_9() -> None:
    tags = {tag for name, tag in map(image, SERVICES) if name.startswith("confluentinc/")}
    (tag,) = tags
    assert f"cp-kafka-connect:{tag}" in (HOME / "connect" / "Dockerfile").read_text()
    # Confluent Platform 7.9 is Apache Kafka 3.9 ("Supported versions and interoperability").
    assert tag.startswith("7.9.") and pom("kafka").startswith("3.9.")


def test_databases_are_of_the_versions_of_pom_xml() -> None:
    assert image("postgres") == ("postgres", pom("postgres").removesuffix(".0"))
    assert image("cassandra") == ("cassandra", pom("cassandra"))


def test_volumes_are_labelled_with_the_versions_of_their_servers() -> None:
    versions = {
        **dict.fromkeys(("kafka",), f"kafka-{pom('kafka')}"),
        "postgres": f"postgres-{pom('postgres')}",
        "cassandra": f"cassandra-{pom('cassandra')}",
        "stream": f"spark-{pom('spark')}",
        "control-center": f"control-center-{image('control-center')[1]}",
    }
    labels = file.volume_versions()
    for name, version in versions.items():
        assert version.startswith(labels[name]), name
    zookeeper = re.search(r"  kafka/(zookeeper-\d+\.\d+)", LOCK.read_text())
    assert zookeeper is not None
    assert labels["zookeeper-data"] == labels["zookeeper-log"] == zookeeper[1]


def test_airflows_image_is_of_the_locks_version() -> None:
    version = pinned("apache-airflow", "airflow.txt")
    text = (HOME / "airflow" / "Dockerfile").read_text()
    assert f"apache/airflow:slim-{version}-python3.11" in text


def test_spark_is_the_locks_and_the_poms() -> None:
    assert pinned("pyspark", "main.txt") == pom("spark")


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.parent.name)
def test_dockerfiles_take_packages_and_jars_from_the_locks(dockerfile: Path) -> None:
    text = dockerfile.read_text()
    if "pip install" in text:
        lock = "airflow.txt" if dockerfile.parent.name == "airflow" else "main.txt"
        assert "--no-deps --require-hashes" in text and lock in text
    if "mvn" in text:
        executions = re.findall(r"dependency:\w+@(\w+)", text)
        known = (HOME / "pom.xml").read_text()
        assert executions and all(f"<id>{execution}</id>" in known for execution in executions)
        assert "sha256sum --check" in text and "jars.sha256" in text


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.parent.name)
def test_images_are_pinned_and_do_not_run_as_root(dockerfile: Path) -> None:
    text = dockerfile.read_text()
    for base in re.findall(r"^ARG \w+_IMAGE=(\S+)", text, re.MULTILINE):
        assert re.search(r":.*\d", base), base
    users = re.findall(r"^USER (\S+)", text, re.MULTILINE)
    assert not users or users[-1] != "root"
    assert users or "apache/airflow" in text  # whose user is not root


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.parent.name)
def test_what_dockerfiles_copy_exists_and_is_in_the_context(dockerfile: Path) -> None:
    shown = {
        line.removeprefix("!")
        for line in (HOME / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    for line in re.findall(r"^COPY (?!--from)(.+)$", dockerfile.read_text(), re.MULTILINE):
        for source in line.split()[:-1]:
            assert (HOME / source).exists(), source
            assert source.split("/")[0] in shown, source


def test_the_image_of_connect_gets_what_local_mode_adds_to_debezium() -> None:
    text = (HOME / "connect" / "Dockerfile").read_text()
    (part,) = [part for part in OURS if part.folder.startswith("debezium")]
    copied = re.findall(r"connect/(\w+)\.java", text)
    assert sorted(copied) == sorted(part.classes)
    for interface, implementation in part.services.items():
        assert re.search(
            rf"echo {implementation}\s[^&]*>ours/META-INF/services/{interface}\b", text
        ), interface


def test_only_services_of_three_dockerfiles_are_built() -> None:
    built = {service["build"]["dockerfile"] for service in SERVICES.values() if "build" in service}
    assert built == {str(path.relative_to(HOME)) for path in DOCKERFILES}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_each_service_has_a_limit_a_restart_policy_and_a_health_check(name: str) -> None:
    service = SERVICES[name]
    assert file.services(environment.variables(Settings()))[name].memory_megabytes > 0  # type: ignore[call-arg]
    assert service["restart"] in ("no", "unless-stopped", "on-failure:10")
    if service["restart"] != "no":
        assert service["healthcheck"]["test"]


def test_services_are_waited_for_by_health_or_completion() -> None:
    for name, service in SERVICES.items():
        for need, how in service.get("depends_on", {}).items():
            ends = SERVICES[need]["restart"] == "no"
            wanted = "service_completed_successfully" if ends else "service_healthy"
            assert how == {"condition": wanted}, f"{name} on {need}"


@pytest.mark.parametrize("name", ["spark-master", "stream", "monitor"])
def test_what_is_kept_below_the_run_directory_outlasts_its_container(name: str) -> None:
    """Spark's jobs, the checkpoint, and runs of verify and canary: each in a volume of its own."""
    folder = f"/opt/walflow/{SERVICES[name]['environment']['WALFLOW_PATHS__RUN']}"
    mounted = [volume for volume in SERVICES[name]["volumes"] if volume.endswith(f":{folder}")]
    assert mounted == [f"{name}:{folder}"] and name in COMPOSE["volumes"]
    # A new volume takes the owner of the image's folder.
    made = f"install -d -o walflow -g walflow {folder}"
    assert made in (HOME / "spark" / "Dockerfile").read_text()
    assert "user" not in SERVICES[name]


def test_mounted_paths_are_folders_of_the_stations_and_read_only() -> None:
    for name, service in SERVICES.items():
        for volume in service.get("volumes", ()):
            if volume.startswith("."):
                path, _, mode = volume.split(":")
                assert (HOME / path).exists() and mode == "ro", f"{name}: {volume}"


@pytest.mark.parametrize(
    ("service", "base"),
    [
        ("zookeeper", "kafka/zookeeper.properties"),
        ("kafka", "kafka/server.properties"),
        ("connect", "connect/worker.properties"),
    ],
)
def test_properties_are_the_stations_and_only_addresses_are_added(service: str, base: str) -> None:
    words = command(service)
    assert f"/walflow/{base}" in words
    own = set(re.findall(r"^([\w.]+)=", (HOME / base).read_text(), re.MULTILINE))
    added = {word.partition("=")[0] for word in words[: words.index("--")] if "=" in word}
    # In this image not every jar says what it brings.
    assert own & added <= {"plugin.discovery"}


def test_what_local_mode_adds_to_properties_compose_adds_too() -> None:
    def added(module: str) -> set[str]:
        """Keys of the mapping `additions` in walflow/stack."""
        text = (HOME / "walflow" / "stack" / f"{module}.py").read_text()
        return set(re.findall(r'^ {12}"([\w.]+)":', text, re.MULTILINE))

    for service, local_only in (
        ("kafka", set[str]()),
        ("connect", set[str]()),
    ):
        in_compose = {word.partition("=")[0] for word in command(service)}
        assert {k for k in added(service) if "." in k} - local_only <= in_compose | {"SOURCE_HOST"}


def test_postgres_is_initialised_as_in_local_mode() -> None:
    local = (HOME / "walflow" / "stack" / "postgres.py").read_text()
    for word in SERVICES["postgres"]["environment"]["POSTGRES_INITDB_ARGS"].split():
        assert f'"{word}"' in local
    words = command("postgres")
    assert "-cconfig_file=/walflow/postgres/postgresql.conf" in words
    assert any(word.startswith("-cmax_slot_wal_keep_size=") for word in words)


def test_cassandra_runs_on_the_stations_files() -> None:
    text = " ".join(command("cassandra"))
    for name in ("cassandra.yaml", "logback.xml", "jvm.options"):
        assert f"/walflow/cassandra/{name}" in text
    assert "exec sh /walflow/cassandra/with-late-timers.sh docker-entrypoint.sh" in text
    # The image's entry point writes addresses only where a line for them stands.
    yaml_text = (HOME / "cassandra" / "cassandra.yaml").read_text()
    for key in ("listen_address", "rpc_address", "broadcast_address", "broadcast_rpc_address"):
        assert re.search(rf"^{key}:", yaml_text, re.MULTILINE)


def test_java_servers_have_the_options_of_local_mode() -> None:
    for name, variable, options in (
        ("zookeeper", "KAFKA", LIGHT),
        ("registry", "SCHEMA_REGISTRY", LIGHT),
        ("kafka", "KAFKA", BROKER),
        ("connect", "KAFKA", BROKER),
    ):
        given = SERVICES[name]["environment"][f"{variable}_JVM_PERFORMANCE_OPTS"]
        assert tuple(given.split()) == options, name
    assert set(ASIDE) <= set(read_options(HOME / "cassandra" / "jvm.options"))


def test_both_registries_take_a_schema_whatever_the_one_before_was() -> None:
    """Apicurio without a rule; Confluent's registry by its setting, whose default is backward."""
    given = SERVICES["registry"]["environment"]
    assert given["SCHEMA_REGISTRY_SCHEMA_COMPATIBILITY_LEVEL"] == "none"
    assert "rule" not in (HOME / "registry" / "application.properties").read_text()


def test_the_connector_gets_the_same_variables(settings: Settings) -> None:
    local = local_services(settings)["connect"].environment
    inside_container = SERVICES["connect"]["environment"]
    assert {key for key in inside_container if key.startswith("SOURCE_")} == set(local)
    assert inside_container["SOURCE_USER"] == local["SOURCE_USER"]


def test_the_dag_gets_the_same_variables(settings: Settings) -> None:
    local = {k for k in local_services(settings)["airflow-scheduler"].environment if "USERS" in k}
    in_compose = {k for k in COMPOSE["x-airflow-environment"] if k.startswith("USERS_")}
    # The connection comes from a file that `setup` writes.
    assert local - in_compose == {"AIRFLOW_CONN_USERS_DB"}
    assert in_compose <= local


def test_tables_topics_and_keyspaces_are_made_by_local_modes_code() -> None:
    """No SQL, CQL or topic is written in the compose file: `setup` runs what `walflow up` runs."""
    text = (HOME / "docker-compose.yml").read_text()
    for word in ("CREATE", "kafka-topics", "created_users", SHIPPED["topics"]["prefix"] + "."):
        assert word not in text, word
    assert SERVICES["setup"]["command"][-1] in inside.COMMANDS


def test_each_word_said_to_walflow_within_containers_is_known() -> None:
    for service in SERVICES.values():
        words = service.get("command", [])
        if "walflow.compose.inside" in words:
            assert words[-1] in inside.COMMANDS


def test_memory_limits_fit_a_laptop_and_the_total_is_said() -> None:
    variables = environment.variables(Settings())  # type: ignore[call-arg]
    page = (HOME / "docs" / "compose.md").read_text()
    for profile in ("minimal", "control-center"):
        chosen = file.active(variables, profile)
        total = sum(s.memory_megabytes for s in chosen.values() if not s.runs_once) / 1024
        assert total < 13
        assert f"{total:.1f} GiB" in page, f"{profile}: {total:.1f} GiB"


def test_settings_are_appended_after_the_file(tmp_path: Path) -> None:
    base, target = tmp_path / "base", tmp_path / "target"
    base.write_text("a=1\nb=2")

    result = subprocess.run(
        ["sh", HOME / "compose" / "with-settings.sh", base, target, "b=3 4", "--", "cat", target],
        capture_output=True,
        text=True,
        check=True,
    )

    assert result.stdout == "a=1\nb=2\n# From docker-compose.yml\nb=3 4\n"


@pytest.mark.parametrize(
    ("jmx", "options"), [("true", " -javaagent:/agent.jar=9404:/kafka.yml"), ("false", "")]
)
def test_a_server_gets_the_agent_for_its_mbeans_if_the_setting_says_so(
    tmp_path: Path, jmx: str, options: str
) -> None:
    base = tmp_path / "base"
    base.touch()

    result = subprocess.run(
        [
            *("sh", HOME / "compose" / "with-settings.sh", base, tmp_path / "target", "a=1", "--"),
            *("sh", "-c", 'printf %s "${KAFKA_OPTS:-}"'),
        ],
        env={"PATH": "/bin:/usr/bin", "JMX": jmx, "JMX_AGENT": "/agent.jar"}
        | {"JMX_RULES": "9404:/kafka.yml"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert result.stdout == options
