"""A connector's list of tables: read, matched, extended and shortened."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walflow.capture import include_list
from walflow.errors import WalflowError

SETTING = include_list.SETTING


def config(text: str) -> dict[str, str]:
    return {"slot.name": "walflow", SETTING: text}


def test_entries_are_separated_by_commas_that_are_not_escaped() -> None:
    assert include_list.entries(r" public.a , public.b\,c,") == ["public.a", r"public.b\,c"]


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("public.orders", "public.orders", True),
        ("public.orders", "public.orders_old", False),
        ("public.orders,sales.orders", "sales.orders", True),
        (r"public\..*", "public.anything", True),
        ("PUBLIC.ORDERS", "public.orders", True),
        ("", "public.orders", True),
        (r"public.(?<broken", "public.orders", False),
    ],
)
def test_a_table_is_captured_if_an_expression_matches_its_whole_name(
    text: str, name: str, expected: bool
) -> None:
    assert include_list.captures(config(text), name) is expected


def test_a_table_is_added_behind_the_others_and_only_once() -> None:
    once = include_list.with_table(config("public.a"), "public.b")
    assert once == config("public.a,public.b")
    assert include_list.with_table(once, "public.b") == once


def test_a_removed_table_leaves_the_others() -> None:
    assert include_list.without_table(config("public.a,public.b"), "public.a") == config("public.b")


def test_the_last_table_is_not_removed_since_an_empty_list_takes_all() -> None:
    with pytest.raises(WalflowError, match="the only table"):
        include_list.without_table(config("public.a"), "public.a")


def test_a_table_that_a_pattern_takes_is_not_removed_and_the_pattern_is_named() -> None:
    with pytest.raises(WalflowError, match=r"by the pattern public\\\.\.\*"):
        include_list.without_table(config(r"public\..*,public.a"), "public.a")


def test_names_are_told_from_patterns() -> None:
    listed = config(r"public.a,public\..*,sales.b-c,sales.b\-d,.*")
    assert include_list.literal_names(listed) == ["public.a", "sales.b-d"]


NAMES = st.text(st.characters(exclude_characters=".\n\r", codec="utf-8"), min_size=1, max_size=12)


@given(NAMES.filter(lambda name: name == name.strip()))
def test_whatever_a_table_is_called_its_entry_takes_it_and_can_be_removed(name: str) -> None:
    full_name = f"public.{name}"
    wanted = include_list.with_table(config("public.other"), full_name)
    if full_name != "public.other":
        assert include_list.captures(wanted, full_name)
    if not re.fullmatch("public.other", full_name, re.IGNORECASE):
        assert include_list.without_table(wanted, full_name) == config("public.other")
