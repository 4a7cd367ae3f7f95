-- Every column whose numbers a sequence hands out: identity columns, and whole-number columns whose default is nextval()
-- of it and nothing else. A default that makes text or a part of a number of it cannot be compared with the sequence,
-- and one that cycles hands out numbers again by design.
SELECT sn.nspname AS sequence_schema, s.relname AS sequence, tn.nspname AS schema, t.relname AS "table",
       a.attname AS "column", q.seqincrement AS increment,
       CASE WHEN q.seqincrement > 0 THEN q.seqmax ELSE q.seqmin END AS last
FROM (
    SELECT objid AS sequence, refobjid AS "table", refobjsubid AS "column" FROM pg_depend
    WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass AND deptype = 'i'
    UNION
    SELECT d.refobjid, ad.adrelid, ad.adnum FROM pg_attrdef ad
    JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = ad.oid AND d.refclassid = 'pg_class'::regclass
    WHERE pg_get_expr(ad.adbin, ad.adrelid) ~ '^\(?nextval\(''([^'']|'''')*''::regclass\)\)?(::\w+)?$'
) AS fed
JOIN pg_class s ON s.oid = fed.sequence AND s.relkind = 'S'
JOIN pg_sequence q ON q.seqrelid = s.oid AND NOT q.seqcycle
JOIN pg_namespace sn ON sn.oid = s.relnamespace
JOIN pg_class t ON t.oid = fed."table" AND t.relpersistence = 'p' AND t.relkind IN ('r', 'p')
JOIN pg_namespace tn ON tn.oid = t.relnamespace
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = fed."column" AND NOT a.attisdropped
JOIN pg_type y ON y.oid = a.atttypid
WHERE CASE WHEN y.typtype = 'd' THEN y.typbasetype ELSE y.oid END
      IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype)
ORDER BY 1, 2, 3, 4
