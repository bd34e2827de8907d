"""Naming a service brings all that it needs, in an order in which it can be started."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walflow.errors import ExitCode, WalflowError
from walflow.stack.catalogue import with_needs
from walflow.stack.service import Readiness, Service

READY = Readiness("answers", lambda: None)
KNOWN = {
    name: Service(name, ("true",), READY, needs, beside)
    for name, needs, beside in (
        ("postgres", (), ()),
        ("zookeeper", (), ()),
        ("kafka", ("zookeeper",), ()),
        ("connect", ("kafka", "postgres"), ()),
        ("cassandra", (), ()),
        ("stream", ("kafka",), ("cassandra",)),
    )
}


def test_a_service_comes_after_all_that_it_needs() -> None:
    names = [service.name for service in with_needs(KNOWN, ["connect"])]

    assert names == ["postgres", "zookeeper", "kafka", "connect"]


def test_no_names_are_all_services() -> None:
    assert with_needs(KNOWN, []) == list(KNOWN.values())


@given(st.lists(st.sampled_from(list(KNOWN)), min_size=1))
def test_whatever_is_named_is_there_once_behind_its_needs(names: list[str]) -> None:
    chosen = [service.name for service in with_needs(KNOWN, names)]

    assert set(names) <= set(chosen)
    assert len(set(chosen)) == len(chosen)
    for place, name in enumerate(chosen):
        assert set(KNOWN[name].needs) <= set(chosen[:place])
        assert set(KNOWN[name].beside) <= set(chosen)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(WalflowError) as caught:
        with_needs(KNOWN, ["kafka", "kafak"])

    assert caught.value.exit_code is ExitCode.USAGE
    assert caught.value.sentence == (
        "There is no service kafak. The services are:"
        " postgres, zookeeper, kafka, connect, cassandra, stream."
    )
