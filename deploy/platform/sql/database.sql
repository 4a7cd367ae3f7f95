-- What printflow's roles may call, in each database of a cluster that they sign in to; by a superuser, after roles.sql.
-- Rights of functions belong to a database. PostgreSQL 14 and older call the last two pg_start_backup, pg_stop_backup.
GRANT EXECUTE ON FUNCTION pg_create_restore_point(text), pg_switch_wal() TO printflow_drill, printflow_backup;
DO $$
DECLARE
    made regprocedure;
BEGIN
    FOR made IN SELECT oid FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace
        AND proname IN ('pg_backup_start', 'pg_backup_stop', 'pg_start_backup', 'pg_stop_backup') LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO printflow_backup', made);
    END LOOP;
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO printflow_reader, printflow_drill, printflow_dump', current_database());
END $$;
