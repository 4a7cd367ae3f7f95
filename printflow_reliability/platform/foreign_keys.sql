-- Every foreign key of a database, once: constraints that partitions inherit are covered by their parent's. One of a
-- partition alone, or to a partition alone, is its partitioned table's: `child` and `parent` are the whole tables,
-- `child_table` and `parent_table` what the constraint is about. The operators are the constraint's own (conpfeqop), so
-- that a type's equality is the one it was declared with. Tables that inherit from one of the two are not part of it;
-- partitions are. A primary key that is no number or UUID may be somebody's address, and is not shown. conenforced and
-- conperiod came with PostgreSQL 18. Sizes are only asked for on demand: that waits for tables that somebody locked.
SELECT con.conname AS name,
       crn.nspname || '.' || cr.relname AS child, prn.nspname || '.' || pr.relname AS parent,
       cn.nspname AS child_schema, c.relname AS child_table,
       pn.nspname AS parent_schema, p.relname AS parent_table,
       c.relkind = 'p' AS child_is_partitioned, p.relkind = 'p' AS parent_is_partitioned,
       con.confmatchtype = 'f' AS match_full,
       con.convalidated AS validated, con.condeferrable AS deferrable,
       coalesce((to_jsonb(con) ->> 'conenforced')::boolean, true) AS enforced,
       coalesce((to_jsonb(con) ->> 'conperiod')::boolean, false) AS temporal,
       (SELECT array_agg(a.attname::text ORDER BY k.position)
        FROM unnest(con.conkey) WITH ORDINALITY AS k (number, position)
        JOIN pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = k.number) AS child_columns,
       (SELECT array_agg(a.attname::text ORDER BY k.position)
        FROM unnest(con.confkey) WITH ORDINALITY AS k (number, position)
        JOIN pg_attribute a ON a.attrelid = con.confrelid AND a.attnum = k.number) AS parent_columns,
       (SELECT array_agg(ARRAY[n.nspname::text, o.oprname::text] ORDER BY k.position)
        FROM unnest(con.conpfeqop) WITH ORDINALITY AS k (operator, position)
        JOIN pg_operator o ON o.oid = k.operator JOIN pg_namespace n ON n.oid = o.oprnamespace) AS operators,
       COALESCE((SELECT array_agg(a.attname::text ORDER BY k.position)
        FROM pg_index i, unnest(i.indkey) WITH ORDINALITY AS k (number, position)
        JOIN pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = k.number
        WHERE i.indrelid = con.conrelid AND i.indisprimary
        HAVING bool_and(a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'uuid'::regtype))),
        '{}') AS primary_key,
       CASE WHEN %(sizes)s THEN pg_table_size(con.conrelid) + pg_table_size(con.confrelid) ELSE 0 END AS bytes
FROM pg_constraint con
JOIN pg_class c ON c.oid = con.conrelid JOIN pg_namespace cn ON cn.oid = c.relnamespace
JOIN pg_class p ON p.oid = con.confrelid JOIN pg_namespace pn ON pn.oid = p.relnamespace
JOIN pg_class cr ON cr.oid = CASE WHEN c.relispartition THEN pg_partition_root(c.oid)::oid ELSE c.oid END
JOIN pg_namespace crn ON crn.oid = cr.relnamespace
JOIN pg_class pr ON pr.oid = CASE WHEN p.relispartition THEN pg_partition_root(p.oid)::oid ELSE p.oid END
JOIN pg_namespace prn ON prn.oid = pr.relnamespace
WHERE con.contype = 'f' AND con.conparentid = 0
ORDER BY child_schema, child_table, con.conname
