"""What a browser gets is what was there, or a sentence that says why it is not."""

import asyncio
import json
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walflow.errors import ExitCode, WalflowError
from walflow.monitor.answers import EXACT, exact, refused, told
from walflow.monitor.blocking import Blocking

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.dates(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


def _numbers(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [number for each in value.values() for number in _numbers(each)]
    if isinstance(value, list):
        return [number for each in value for number in _numbers(each)]
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else []


@given(VALUES)
def test_any_value_becomes_json_whose_numbers_a_browser_reads_exactly(value: Any) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    answer = json.loads(str(told(value).text), parse_constant=refuse)

    assert all(abs(n) <= EXACT for n in _numbers(answer) if isinstance(n, int))


@pytest.mark.parametrize("value", [EXACT, -EXACT, 0, True, 1.5, "a", None])
def test_what_a_browser_can_hold_stays_as_it_is(value: Any) -> None:
    assert exact(value) is value


@pytest.mark.parametrize(
    ("value", "shown"),
    [(EXACT + 1, "9007199254740992"), (float("nan"), "nan"), (b"\x01", "0x01"), ((1,), [1])],
)
def test_the_rest_becomes_what_is_read_by_people(value: Any, shown: Any) -> None:
    assert exact(value) == shown


@pytest.mark.parametrize(
    ("code", "status"), [(ExitCode.USAGE, 400), (ExitCode.NOT_READY, 503), (ExitCode.FAILED, 422)]
)
def test_a_failure_is_answered_with_its_sentence(code: ExitCode, status: int) -> None:
    answer = refused(WalflowError("It is so.", code))

    assert (answer.status, json.loads(str(answer.text))) == (status, {"error": "It is so."})


def test_more_questions_than_there_is_room_for_are_refused_at_once() -> None:
    released = threading.Event()

    async def ask() -> list[str]:
        blocking = Blocking(workers=1, waiting=1)
        first, second = (asyncio.create_task(blocking.run(released.wait)) for _ in range(2))
        await asyncio.sleep(0)
        with pytest.raises(WalflowError, match="Try again in a moment"):
            await blocking.run(released.wait)
        first.cancel()  # who asked has gone, the thread is still busy
        await asyncio.sleep(0)
        with pytest.raises(WalflowError):
            await blocking.run(released.wait)
        released.set()
        await second
        answer = await blocking.run(str, 7)
        blocking.close()
        return [answer]

    assert asyncio.run(ask()) == ["7"]
