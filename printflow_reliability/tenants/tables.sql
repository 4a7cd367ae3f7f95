-- Every table of a database that may hold rows of tenants, one row each; a partitioned table stands for its partitions.
SELECT n.nspname AS schema, c.relname AS name, c.relkind = 'p' AS partitioned, c.relkind = 'f' AS is_foreign,
       c.relpersistence = 'u' AS unlogged,
       EXISTS (SELECT FROM pg_partition_tree(c.oid) m JOIN pg_class p ON p.oid = m.relid WHERE p.relkind = 'f')
           AND c.relkind = 'p' AS foreign_partition,
       coalesce(cols.columns, '[]') AS columns, coalesce(uniq.keys, '[]') AS keys,
       coalesce(trig.triggers, '[]') AS triggers,
       has_table_privilege(c.oid, 'INSERT') AS insertable
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_object(
               'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
               'type_schema', tn.nspname, 'type_name', ty.typname,
               'base_type', (CASE WHEN ty.typtype = 'd' THEN ty.typbasetype ELSE ty.oid END)::regtype::text,
               'labels', (SELECT coalesce(jsonb_agg(e.enumlabel), '[]') FROM pg_enum e WHERE e.enumtypid = ty.oid),
               'not_null', a.attnotnull, 'generated', a.attgenerated <> '',
               'has_default', a.atthasdef OR a.attidentity <> '')
           ORDER BY a.attnum) AS columns
    FROM pg_attribute a JOIN pg_type ty ON ty.oid = a.atttypid JOIN pg_namespace tn ON tn.oid = ty.typnamespace
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS cols
-- Unique indexes over plain columns of all rows; the columns of INCLUDE are not part of what is unique.
CROSS JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_object(
               'name', ic.relname, 'primary', i.indisprimary,
               'columns', (SELECT jsonb_agg(k.attname ORDER BY p.position)
                           FROM unnest(i.indkey) WITH ORDINALITY AS p (number, position)
                           JOIN pg_attribute k ON k.attrelid = c.oid AND k.attnum = p.number
                           WHERE p.position <= i.indnkeyatts))
           ORDER BY i.indisprimary DESC, i.indnkeyatts, ic.relname) AS keys
    FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid
    WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL) AS uniq
-- Triggers that users made and that an INSERT or a DELETE fires, of the partitions too.
CROSS JOIN LATERAL (
    SELECT jsonb_agg(DISTINCT jsonb_build_object(
               'name', t.tgname, 'enabled', t.tgenabled, 'on_insert', t.tgtype & 4 <> 0)) AS triggers
    FROM pg_trigger t
    WHERE (t.tgrelid = c.oid OR c.relkind = 'p' AND t.tgrelid IN (SELECT relid FROM pg_partition_tree(c.oid)))
      AND NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgtype & (4 | 8) <> 0) AS trig
WHERE c.relkind IN ('r', 'p', 'f') AND NOT c.relispartition AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\_toast%'
ORDER BY 1, 2
