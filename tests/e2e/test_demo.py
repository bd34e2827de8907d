"""`walflow demo`, which brought the stack up."""

from tests.conftest import DEMO_USERS, Stack


def test_demo_sees_every_step_in_cassandra_and_exits_0(stack: Stack) -> None:
    assert stack.demo.returncode == 0, stack.demo.stderr
    for seen in (
        "connector users created, RUNNING",
        "users API: bundled",
        f"{DEMO_USERS} users fetched: {DEMO_USERS} inserted",
        f"{DEMO_USERS} users in PostgreSQL",
        f"{DEMO_USERS} users in Cassandra",
        "the new phone is in Cassandra",
        "gone from Cassandra",
        "Spark counts users in spark_streams.users_by_country_and_gender",
    ):
        assert seen in stack.demo.stderr


def test_demo_ends_with_addresses_and_how_to_stop(stack: Stack) -> None:
    names = ("airflow", "connect", "registry", "spark_ui", "cassandra", "postgres")
    ports = (str(stack.settings.ports.of(name)) for name in names)
    for part in (*ports, f"{stack.program} down"):
        assert part in stack.demo.stderr


def test_demo_can_be_run_again_on_the_running_stack(stack: Stack) -> None:
    again = stack.walflow("demo", "--users", "20")
    assert again.returncode == 0, again.stderr
    assert "connector users unchanged, RUNNING" in again.stderr
    assert "20 users fetched: 20 inserted" in again.stderr
