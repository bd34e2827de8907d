"""A line for each record, the newest last, in bounded memory."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from change_stream.letter import Letter
from change_stream.record import Record
from walflow.deadletters.description import hex_dump
from walflow.deadletters.listing import Listing, listing
from walflow.deadletters.outcomes import NOT_TRIED, Outcome, State
from walflow.deadletters.topic import Identity, Place, StoredLetter, identity_of, place_of
from walflow.errors import WalflowError

LIFE = UUID(int=1)


class Noted:
    """Outcomes as the table would tell them, without a table."""

    def __init__(self, **outcomes: Outcome) -> None:
        self._outcomes = {int(name.removeprefix("o")): one for name, one in outcomes.items()}

    def of(self, identities: Any) -> dict[Identity, Outcome]:
        return {one: self._outcomes.get(one.offset, NOT_TRIED) for one in identities}


def stored(place: int, offset: int, reason: str = "r") -> StoredLetter:
    letter = Letter(Record("cdc.public.t", 0, offset, 0, b"k", b"v"), reason, LIFE, 1)
    return StoredLetter(Place(0, place), place, letter, Identity(LIFE, 0, offset))


def listed(
    *letters: StoredLetter, noted: Any = None, settled: bool = False, last: int = 100
) -> Any:
    chunks = [list(letters[:3]), list(letters[3:])]
    outcomes: Any = noted or Noted()
    return listing(chunks, outcomes, "cdc", settled, last)


def test_copies_of_a_record_are_one_line_with_their_number() -> None:
    found: Listing = listed(stored(0, 7), stored(1, 8), stored(2, 7), stored(3, 7))

    assert [(str(one.place), one.origin, one.copies) for one in found.letters] == [
        ("0@0", "cdc.public.t-0@7", 3),
        ("0@1", "cdc.public.t-0@8", 1),
    ]
    assert found.letters[0].table == "public.t"


def test_copies_have_the_identity_of_their_record_or_else_each_its_own() -> None:
    known = stored(0, 7).letter
    unknown = replace(known, topic_id=None)
    of_letters = UUID(int=2)

    copies = [identity_of(known, of_letters, Place(0, offset)) for offset in (3, 4)]
    others = [identity_of(unknown, of_letters, Place(0, offset)) for offset in (3, 4)]

    assert copies == [Identity(LIFE, 0, 7)] * 2
    assert others == [Identity(of_letters, 0, 3), Identity(of_letters, 0, 4)]


def test_what_is_settled_is_listed_only_on_request() -> None:
    noted = Noted(o7=Outcome(State.REPLAYED), o8=Outcome(State.DISCARDED))
    letters = (stored(0, 7), stored(1, 8), stored(2, 9))

    shown = [one.origin for one in listed(*letters, noted=noted).letters]
    everything = [one.state for one in listed(*letters, noted=noted, settled=True).letters]

    assert shown == ["cdc.public.t-0@9"]
    assert everything == [State.REPLAYED, State.DISCARDED, State.OPEN]


def test_a_failed_replay_gives_an_open_letter_its_new_reason() -> None:
    noted = Noted(o7=Outcome(State.OPEN, "another"))

    assert [one.reason for one in listed(stored(0, 7, "first"), noted=noted).letters] == ["another"]


def test_a_reason_is_one_line() -> None:
    assert (
        listed(stored(0, 7, "two\n  lines " + "x" * 1000))
        .letters[0]
        .reason.startswith("two lines xxx")
    )
    assert len(listed(stored(0, 7, "x" * 1000)).letters[0].reason) == 200


@given(st.lists(st.integers(0, 10)), st.integers(1, 5))
def test_no_more_than_the_last_are_kept_and_the_others_are_counted(
    offsets: list[int], last: int
) -> None:
    found = listed(*(stored(place, offset) for place, offset in enumerate(offsets)), last=last)

    assert len(found.letters) <= last
    assert sum(one.copies for one in found.letters) + found.older <= len(offsets)
    assert (found.older == 0) == (len(set(offsets)) <= last)
    assert [one.stored_ms for one in found.letters] == sorted(
        one.stored_ms for one in found.letters
    )


def test_a_place_is_written_as_list_shows_it_or_with_its_topic() -> None:
    assert place_of("0@17", "walflow.deadletters") == Place(0, 17)
    assert place_of("walflow.deadletters-3@17", "walflow.deadletters") == Place(3, 17)


@pytest.mark.parametrize("text", ["17", "0@", "@17", "0@x", "other-0@17", "0@-1", ""])
def test_another_place_is_refused_with_the_way_to_write_it(text: str) -> None:
    with pytest.raises(WalflowError, match="one is written as 0@17"):
        place_of(text, "walflow.deadletters")


def test_bytes_are_dumped_with_offsets_and_printable_characters() -> None:
    assert hex_dump(b"garbage\x00\xff") == [
        "0000  67 61 72 62 61 67 65 00 ff                       garbage.."
    ]
    assert [line[:4] for line in hex_dump(bytes(33))] == ["0000", "0010", "0020"]
