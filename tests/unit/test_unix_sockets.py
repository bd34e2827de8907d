"""A Unix socket's address fits, however long the run directory's path is."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from walflow.stack.unix_sockets import MAX_BYTES, fitting

NAMES = st.text("abcäß", min_size=1, max_size=40)


@given(st.lists(NAMES, max_size=8), st.integers(0, 45))
def test_an_address_is_never_too_long(parts: list[str], more: int) -> None:
    path = fitting(Path("/", *parts), "data/sockets", more)

    assert len(str(path).encode()) + more <= MAX_BYTES


def test_it_is_in_the_run_directory_where_it_fits() -> None:
    assert fitting(Path("/home/me/.run"), "data/sockets", 43) == Path("/home/me/.run/data/sockets")


def test_elsewhere_two_stacks_do_not_share_it() -> None:
    first, second = (
        fitting(Path("/", "x" * 100, name), "supervisor.sock", 0) for name in ("one", "two")
    )

    assert first != second
