-- Every table and index of a database, with what tells whether somebody wrote to it: counters of writes and vacuums of
-- the table, the file that it lies in, its definition, and locks of those who may be about to. The newest of each
-- tablespace are read too: a backup that does not know a tablespace does not know what is in it, and replay writes that.
WITH locks AS (
    SELECT relation, bool_or(mode = 'AccessExclusiveLock') AS exclusive FROM pg_locks
    WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND pid IS DISTINCT FROM pg_backend_pid() AND mode NOT IN ('AccessShareLock', 'RowShareLock')
    GROUP BY relation
)
SELECT c.oid::int8,
       CASE c.relkind WHEN 'i' THEN 'index' ELSE 'table' END,
       quote_ident(n.nspname) || '.' || quote_ident(c.relname),
       pg_relation_filepath(c.oid),
       -- Its size is asked for with a lock, and would wait for whoever rewrites it.
       CASE WHEN own.exclusive THEN 0 ELSE pg_relation_size(c.oid) END,
       concat_ws(' ', pg_relation_filepath(c.oid), c.xmin, s.n_tup_ins, s.n_tup_upd, s.n_tup_del,
                 s.vacuum_count, s.autovacuum_count, d.stats_reset,
                 (SELECT string_agg(a.xmin::text, ' ' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid)),
       own.relation IS NOT NULL OR of_table.relation IS NOT NULL OR NOT current_setting('track_counts')::bool,
       has_table_privilege(s.relid, 'SELECT')
           AND row_number() OVER (PARTITION BY c.reltablespace, c.relkind = 'i' ORDER BY c.oid DESC) <= %(newest)s
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_index x ON x.indexrelid = c.oid
JOIN pg_stat_user_tables s ON s.relid = coalesce(x.indrelid, c.oid)
JOIN pg_stat_database d ON d.datname = current_database()
LEFT JOIN locks own ON own.relation = c.oid
LEFT JOIN locks of_table ON of_table.relation = x.indrelid
WHERE c.relkind IN ('r', 'm', 'i') AND c.relpersistence = 'p'
