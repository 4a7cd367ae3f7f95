-- Every table of a database with its primary key and the columns that can be written.
SELECT n.nspname AS schema, c.relname AS name,
       array_agg(a.attname::text ORDER BY a.attnum) FILTER (WHERE a.attgenerated = '') AS columns,
       coalesce((SELECT array_agg(k.attname::text ORDER BY p.position)
        FROM pg_index i, unnest(i.indkey) WITH ORDINALITY AS p (number, position)
        JOIN pg_attribute k ON k.attrelid = c.oid AND k.attnum = p.number
        WHERE i.indrelid = c.oid AND i.indisprimary AND k.attrelid = i.indrelid), '{}') AS primary_key
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
GROUP BY n.nspname, c.relname, c.oid
ORDER BY 1, 2
