-- Every foreign key between tables of a database, columns in the order of the constraint.
SELECT cn.nspname || '.' || c.relname AS child, pn.nspname || '.' || p.relname AS parent,
       (SELECT array_agg(a.attname::text ORDER BY k.position)
        FROM unnest(con.conkey) WITH ORDINALITY AS k (number, position)
        JOIN pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = k.number) AS child_columns,
       (SELECT array_agg(a.attname::text ORDER BY k.position)
        FROM unnest(con.confkey) WITH ORDINALITY AS k (number, position)
        JOIN pg_attribute a ON a.attrelid = con.confrelid AND a.attnum = k.number) AS parent_columns
FROM pg_constraint con
JOIN pg_class c ON c.oid = con.conrelid JOIN pg_namespace cn ON cn.oid = c.relnamespace
JOIN pg_class p ON p.oid = con.confrelid JOIN pg_namespace pn ON pn.oid = p.relnamespace
WHERE con.contype = 'f' AND con.conparentid = 0
ORDER BY 1, 2, 3
