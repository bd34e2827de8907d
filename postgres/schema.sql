-- Tables of the users database. Runs at every start: each statement leaves an existing object as it is.

CREATE TABLE IF NOT EXISTS public.created_users (
    id              uuid PRIMARY KEY,          -- randomuser's login.uuid
    first_name      text NOT NULL,
    last_name       text NOT NULL,
    gender          text,
    address         text,
    post_code       text,                      -- "SW1A 1AA" and 12345 both occur
    email           text,
    username        text,
    dob             timestamptz,
    registered_date timestamptz,
    phone           text,
    picture         text
);

-- Users that the API sent but that cannot be stored, kept with the reason. Not captured.
CREATE TABLE IF NOT EXISTS public.set_aside_users (
    set_aside_at timestamptz NOT NULL DEFAULT now(),
    run_id       text NOT NULL,
    reason       text NOT NULL,
    payload      jsonb NOT NULL
);
-- A run that is tried again sets the same users aside once.
CREATE UNIQUE INDEX IF NOT EXISTS set_aside_once
    ON public.set_aside_users (run_id, reason, md5(payload::text));

CREATE SCHEMA IF NOT EXISTS walflow;

-- Debezium writes here at every heartbeat. Without it, a quiet table on a busy server would hold the
-- slot's confirmed LSN back and PostgreSQL would keep WAL for ever.
CREATE TABLE IF NOT EXISTS walflow.heartbeat (
    id      integer PRIMARY KEY CHECK (id = 1),
    beat_at timestamptz NOT NULL
);

-- What Debezium is asked for: it sees each row come through the slot (`walflow snapshot`). It takes
-- these three columns and no other; its own rows are the watermarks of an incremental snapshot.
CREATE TABLE IF NOT EXISTS walflow.signals (
    id   text PRIMARY KEY,
    type text NOT NULL,
    data text
);

-- A recovery that has begun and not ended: `walflow recover` goes on with it.
CREATE TABLE IF NOT EXISTS walflow.recoveries (
    connector text PRIMARY KEY,
    reason    text NOT NULL,
    began_at  timestamptz NOT NULL DEFAULT now()
);
