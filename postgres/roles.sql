-- Roles with the least they need, and the publication. Runs at every start, after schema.sql.
-- Passwords arrive as session settings (walflow.capture_password, walflow.writer_password), so that
-- none is written here.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'walflow_capture') THEN
        CREATE ROLE walflow_capture LOGIN REPLICATION;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'users_writer') THEN
        CREATE ROLE users_writer LOGIN;
    END IF;
    EXECUTE format('ALTER ROLE walflow_capture PASSWORD %L', current_setting('walflow.capture_password'));
    EXECUTE format('ALTER ROLE users_writer PASSWORD %L', current_setting('walflow.writer_password'));
END
$$;

-- Debezium reads the WAL through the slot, the tables for the snapshot, writes its heartbeat, and puts
-- the watermarks of an incremental snapshot into signals and takes them out again.
GRANT USAGE ON SCHEMA public, walflow TO walflow_capture;
GRANT SELECT ON public.created_users TO walflow_capture;
GRANT SELECT, INSERT, UPDATE ON walflow.heartbeat TO walflow_capture;
GRANT SELECT, INSERT, DELETE ON walflow.signals TO walflow_capture;

-- Airflow inserts and updates users; it never deletes one.
GRANT USAGE ON SCHEMA public TO users_writer;
GRANT SELECT, INSERT, UPDATE ON public.created_users TO users_writer;
GRANT INSERT ON public.set_aside_users TO users_writer;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_publication WHERE pubname = 'walflow') THEN
        CREATE PUBLICATION walflow FOR TABLE public.created_users, walflow.heartbeat;
    END IF;
    -- Without the second, a stored generated column comes in a snapshot and not in a change.
    ALTER PUBLICATION walflow
        SET (publish_via_partition_root = true, publish_generated_columns = stored);
    IF NOT EXISTS (
        SELECT FROM pg_publication_tables
        WHERE pubname = 'walflow' AND schemaname = 'walflow' AND tablename = 'signals'
    ) THEN
        ALTER PUBLICATION walflow ADD TABLE walflow.signals;
    END IF;
END
$$;
