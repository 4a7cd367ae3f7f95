-- Every foreign key of a database, columns in the order of the constraint. One of a partition alone, or to a partition
-- alone, is its partitioned table's, and `child_table` and `parent_table` name the partition.
SELECT con.conname AS name,
       cn.nspname AS child_schema, c.relname AS child_name, pn.nspname AS parent_schema, p.relname AS parent_name,
       crn.nspname AS child_root_schema, cr.relname AS child_root_name,
       prn.nspname AS parent_root_schema, pr.relname AS parent_root_name,
       c.relkind = 'p' AS child_partitioned, p.relkind = 'p' AS parent_partitioned,
       (SELECT array_agg(a.attname::text ORDER BY k.position)
        FROM unnest(con.conkey) WITH ORDINALITY AS k (number, position)
        JOIN pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = k.number) AS child_columns,
       (SELECT array_agg(a.attname::text ORDER BY k.position)
        FROM unnest(con.confkey) WITH ORDINALITY AS k (number, position)
        JOIN pg_attribute a ON a.attrelid = con.confrelid AND a.attnum = k.number) AS parent_columns,
       (SELECT array_agg(format('OPERATOR(%I.%s)', n.nspname, o.oprname) ORDER BY k.position)
        FROM unnest(con.conpfeqop) WITH ORDINALITY AS k (operator, position)
        JOIN pg_operator o ON o.oid = k.operator JOIN pg_namespace n ON n.oid = o.oprnamespace) AS operators,
       con.convalidated AS validated, con.condeferrable AS deferrable,
       -- Columns of newer versions, absent before.
       coalesce((to_jsonb(con) ->> 'conperiod')::boolean, false) AS temporal,
       coalesce((to_jsonb(con) ->> 'conenforced')::boolean, true) AS enforced
FROM pg_constraint con
JOIN pg_class c ON c.oid = con.conrelid JOIN pg_namespace cn ON cn.oid = c.relnamespace
JOIN pg_class p ON p.oid = con.confrelid JOIN pg_namespace pn ON pn.oid = p.relnamespace
JOIN pg_class cr ON cr.oid = CASE WHEN c.relispartition THEN pg_partition_root(c.oid)::oid ELSE c.oid END
JOIN pg_namespace crn ON crn.oid = cr.relnamespace
JOIN pg_class pr ON pr.oid = CASE WHEN p.relispartition THEN pg_partition_root(p.oid)::oid ELSE p.oid END
JOIN pg_namespace prn ON prn.oid = pr.relnamespace
WHERE con.contype = 'f' AND con.conparentid = 0
ORDER BY 2, 3, 1
