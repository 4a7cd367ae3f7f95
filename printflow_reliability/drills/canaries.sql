-- Every table of a database, with what tells whether somebody wrote to it: counters of writes and vacuums, the file that
-- it lies in, its definition, and locks of those who may be about to. The newest tables of each tablespace are read too:
-- a backup that does not know a tablespace does not know its tables, and replay writes those.
SELECT c.oid::int8,
       quote_ident(n.nspname) || '.' || quote_ident(c.relname),
       pg_relation_filepath(c.oid),
       pg_relation_size(c.oid),
       concat_ws(' ', pg_relation_filepath(c.oid), c.xmin, s.n_tup_ins, s.n_tup_upd, s.n_tup_del,
                 s.vacuum_count, s.autovacuum_count, d.stats_reset,
                 (SELECT string_agg(a.xmin::text, ' ' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid)),
       NOT current_setting('track_counts')::bool
           OR EXISTS (SELECT FROM pg_locks l WHERE l.relation = c.oid AND l.database = d.datid
                      AND l.pid IS DISTINCT FROM pg_backend_pid()
                      AND l.mode NOT IN ('AccessShareLock', 'RowShareLock')),
       has_table_privilege(c.oid, 'SELECT')
           AND row_number() OVER (PARTITION BY c.reltablespace ORDER BY c.oid DESC) <= %(newest)s
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_stat_user_tables s ON s.relid = c.oid
JOIN pg_stat_database d ON d.datname = current_database()
WHERE c.relkind IN ('r', 'm') AND c.relpersistence = 'p'
