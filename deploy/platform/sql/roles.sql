-- Who of printflow may do what in a cluster of the platform. Run once in each cluster, by a superuser; again is harmless.
-- Passwords are set afterwards, by \password in psql, which sends a verifier and never the password itself.
--   printflow_reader   url in [[cluster]]: reads and watches, and changes nothing
--   printflow_drill    the same, and makes the restore point that a drill must reach; url where drills are run
--   printflow_dump     dump_url: reads every row, whatever policy it has
--   printflow_backup   pg1-user of pgBackRest where it is no superuser
--   printflow_repair   [orders.repair]: what repair.sql gives it
DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['printflow_reader', 'printflow_drill', 'printflow_dump', 'printflow_backup', 'printflow_repair'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', role);
        END IF;
        EXECUTE format('ALTER ROLE %I NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION', role);
        -- What nobody here does by mistake, it may not do either; what may write says so in its own session.
        IF role IN ('printflow_reader', 'printflow_dump') THEN
            EXECUTE format('ALTER ROLE %I SET default_transaction_read_only = on', role);
        END IF;
    END LOOP;
END $$;

GRANT pg_read_all_data, pg_monitor TO printflow_reader, printflow_drill, printflow_dump;
ALTER ROLE printflow_dump BYPASSRLS;

-- As pgBackRest needs it: to read settings, to ask for a checkpoint, and what database.sql gives it.
GRANT pg_read_all_settings TO printflow_backup;
