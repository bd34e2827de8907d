"""What the kernel's counters tell of a disk that stood still."""

import pytest

from bench.noise import Counters, Noise, noise


def test_a_disk_at_its_usual_speed_stands_still_in_no_second() -> None:
    assert noise([Counters(0, 0, 0.0), Counters(1, 1000, 0.1), Counters(2, 2500, 0.3)]) == Noise(
        0, 0
    )


def test_seconds_of_slow_writes_are_counted_and_no_others() -> None:
    readings = [
        Counters(0, 0, 0.0),
        Counters(1, 1000, 0.1),
        Counters(2.5, 1020, 3.1),
        Counters(3.5, 2020, 3.2),
    ]
    assert noise(readings).slow_disk_seconds == 1.5


@pytest.mark.parametrize(("busy", "seconds"), [(1.0, 1.0), (0.0, 0.0)])
def test_a_second_without_a_write_counts_if_the_disk_had_one_to_do(
    busy: float, seconds: float
) -> None:
    readings = [Counters(0, 5, 1.0, busy=3.0), Counters(1, 5, 1.0, busy=3.0 + busy)]
    assert noise(readings).slow_disk_seconds == seconds


def test_what_the_host_gave_to_others_is_a_share_of_all_processor_time() -> None:
    readings = [Counters(0, stolen=1.0, processor=100.0), Counters(1, stolen=1.5, processor=110.0)]
    assert noise(readings).stolen_percent == 5.0


def test_the_machines_own_counters_can_be_read_twice() -> None:
    seen = noise([Counters.now(), Counters.now()])
    assert 0 <= seen.stolen_percent <= 100
