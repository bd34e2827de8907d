"""The SQL that the store runs."""

from dataclasses import fields

from users.user import CreatedUser

_COLUMNS = tuple(column.name for column in fields(CreatedUser))
_LIST = ", ".join(_COLUMNS)
_CHANGEABLE = [column for column in _COLUMNS if column != "id"]

# The users come as one value: a table to COPY them into would be entered into the catalogs and taken out
# again by each transaction, which takes 2 ms, and the log that Debezium reads has all of that too.
# ORDER BY id: two runs that write the same users lock them in the same order and cannot deadlock.
# The WHERE keeps an unchanged user from being rewritten, hence from becoming a change event.
# xmax is 0 only in a row version that was inserted: ON CONFLICT DO UPDATE locks the old version
# first, and the new one inherits that mark.
UPSERT = f"""
WITH stored AS (
    INSERT INTO public.created_users AS old ({_LIST})
    SELECT {_LIST} FROM json_populate_recordset(NULL::public.created_users, %s) ORDER BY id
    ON CONFLICT (id) DO UPDATE SET {", ".join(f"{name} = EXCLUDED.{name}" for name in _CHANGEABLE)}
    WHERE ({", ".join(f"old.{name}" for name in _CHANGEABLE)})
        IS DISTINCT FROM ({", ".join(f"EXCLUDED.{name}" for name in _CHANGEABLE)})
    RETURNING xmax = 0 AS is_new
)
SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM stored
"""
# DO NOTHING: a batch that is written again does not set the same user aside twice, as far as the
# table has a unique index to tell by.
SET_ASIDE = """
INSERT INTO public.set_aside_users (run_id, reason, payload) VALUES %s ON CONFLICT DO NOTHING
"""
