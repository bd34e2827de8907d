"""Users as JSON hold whatever text a user holds."""

import json
from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from users.rows import payload, recordset
from users.user import CreatedUser

STORABLE = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


def user(first_name: str, gender: str | None) -> CreatedUser:
    born = datetime(1966, 6, 26, 11, 50, 25, 558_000, UTC)
    none = None
    return CreatedUser(
        UUID(int=1), first_name, "L", gender, none, none, none, none, born, none, none, none
    )


@given(STORABLE, STORABLE | st.none())
def test_each_user_is_an_object_with_the_table_s_columns(
    first_name: str, gender: str | None
) -> None:
    (row,) = json.loads(recordset([user(first_name, gender)]))

    assert (row["first_name"], row["gender"], row["phone"]) == (first_name, gender, None)
    assert row["id"] == "00000000-0000-0000-0000-000000000001"
    assert datetime.fromisoformat(row["dob"]) == datetime(1966, 6, 26, 11, 50, 25, 558_000, UTC)


def test_a_plain_user_is_kept_as_json() -> None:
    assert json.loads(payload({"name": "Zoë", "age": 5})) == {"name": "Zoë", "age": 5}


@given(
    st.recursive(
        st.none() | st.floats() | st.text(st.characters()) | st.integers(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
    )
)
def test_whatever_jsonb_refuses_is_kept_whole_as_text(raw: object) -> None:
    kept = payload(raw)

    kept.encode()
    assert "\\u0000" not in kept.replace("\\\\", "")
    value = json.loads(kept)
    whole = (
        value["text"] if isinstance(value, dict) and set(value) == {"text"} else json.dumps(value)
    )
    assert whole == json.dumps(raw) or value == raw
