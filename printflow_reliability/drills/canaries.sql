-- Every table of a database, with what tells whether somebody wrote to it: counters of writes and vacuums, the file that
-- it lies in, its definition, and locks of those who may be about to. The newest tables of each tablespace are read too:
-- a backup that does not know a tablespace does not know its tables, and replay writes those.
SELECT c.oid::int8,
       quote_ident(n.nspname) || '.' || quote_ident(c.relname),
       pg_relation_filepath(c.oid),
       -- Its size is asked for with a lock, and would wait for whoever rewrites the table.
       CASE WHEN l.exclusive THEN 0 ELSE pg_relation_size(c.oid) END,
       concat_ws(' ', pg_relation_filepath(c.oid), c.xmin, s.n_tup_ins, s.n_tup_upd, s.n_tup_del,
                 s.vacuum_count, s.autovacuum_count, d.stats_reset,
                 (SELECT string_agg(a.xmin::text, ' ' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid)),
       l.relation IS NOT NULL OR NOT current_setting('track_counts')::bool,
       has_table_privilege(c.oid, 'SELECT')
           AND row_number() OVER (PARTITION BY c.reltablespace ORDER BY c.oid DESC) <= %(newest)s
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_stat_user_tables s ON s.relid = c.oid
JOIN pg_stat_database d ON d.datname = current_database()
LEFT JOIN (
    SELECT relation, bool_or(mode = 'AccessExclusiveLock') AS exclusive FROM pg_locks
    WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND pid IS DISTINCT FROM pg_backend_pid() AND mode NOT IN ('AccessShareLock', 'RowShareLock')
    GROUP BY relation
) AS l ON l.relation = c.oid
WHERE c.relkind IN ('r', 'm') AND c.relpersistence = 'p'
