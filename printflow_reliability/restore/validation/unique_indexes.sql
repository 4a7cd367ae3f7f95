-- Every unique B-tree index of a logged table, as it was defined; expression columns and predicates come as SQL. A
-- collation of its own may make texts equal that its column keeps apart. What is WITHOUT OVERLAPS has another method.
SELECT n.nspname AS schema, c.relname AS "table", i.relname AS name, x.indisvalid AND x.indisready AS valid,
       ARRAY(SELECT pg_get_indexdef(x.indexrelid, k, true)
                    || coalesce((SELECT ' COLLATE ' || quote_ident(cn.nspname) || '.' || quote_ident(co.collname)
                                 FROM pg_collation co JOIN pg_namespace cn ON cn.oid = co.collnamespace
                                 WHERE co.oid = x.indcollation[k - 1] AND co.collname <> 'default'), '')
             FROM generate_series(1, x.indnkeyatts) AS k) AS columns,
       x.indnkeyatts = 1
           AND (SELECT a.attbyval FROM pg_attribute a WHERE a.attrelid = x.indexrelid AND a.attnum = 1) AS by_value,
       pg_get_expr(x.indpred, x.indrelid) AS predicate,
       coalesce((to_jsonb(x) ->> 'indnullsnotdistinct')::boolean, false) AS nulls_are_equal,
       pg_table_size(c.oid) AS bytes
FROM pg_index x
JOIN pg_class i ON i.oid = x.indexrelid
JOIN pg_class c ON c.oid = x.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE x.indisunique AND c.relkind IN ('r', 'm') AND c.relpersistence = 'p'
  AND i.relam = (SELECT oid FROM pg_am WHERE amname = 'btree')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
ORDER BY 1, 2, 3
