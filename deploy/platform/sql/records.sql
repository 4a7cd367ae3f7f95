-- The records: a database of printflow's own, on another cluster than the platform's. Run by a superuser in database
-- postgres; then \password printflow_records, and: printflow records migrate
CREATE ROLE printflow_records LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION;
CREATE DATABASE printflow_records OWNER printflow_records;
REVOKE CONNECT, TEMPORARY ON DATABASE printflow_records FROM PUBLIC;
