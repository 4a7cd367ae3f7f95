-- Every foreign key of a database, once: constraints that partitions inherit are covered by their parent's.
-- The operators are the constraint's own (conpfeqop), so that a type's equality is the one it was declared with.
-- Tables that inherit from one of the two are not part of it; partitions are. A primary key that is no number or UUID
-- may be somebody's address, and is not shown. conenforced and conperiod came with PostgreSQL 18.
SELECT con.conname AS name,
       cn.nspname AS child_schema, c.relname AS child_table,
       pn.nspname AS parent_schema, p.relname AS parent_table,
       c.relkind = 'p' AS child_is_partitioned, p.relkind = 'p' AS parent_is_partitioned,
       con.confmatchtype = 'f' AS match_full,
       con.convalidated AND coalesce((to_jsonb(con) ->> 'conenforced')::boolean, true) AS validated,
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
       pg_table_size(con.conrelid) + pg_table_size(con.confrelid) AS bytes
FROM pg_constraint con
JOIN pg_class c ON c.oid = con.conrelid JOIN pg_namespace cn ON cn.oid = c.relnamespace
JOIN pg_class p ON p.oid = con.confrelid JOIN pg_namespace pn ON pn.oid = p.relnamespace
WHERE con.contype = 'f' AND con.conparentid = 0
ORDER BY child_schema, child_table, name
