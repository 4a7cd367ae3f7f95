-- Every column that a sequence feeds: serial and identity columns own theirs, others only name it in their default.
SELECT sn.nspname AS sequence_schema, s.relname AS sequence, tn.nspname AS schema, t.relname AS "table",
       a.attname AS "column", q.seqincrement AS increment
FROM (
    SELECT objid AS sequence, refobjid AS "table", refobjsubid AS "column" FROM pg_depend
    WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass AND deptype IN ('a', 'i')
    UNION
    SELECT d.refobjid, ad.adrelid, ad.adnum FROM pg_attrdef ad
    JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = ad.oid AND d.refclassid = 'pg_class'::regclass
) AS fed
JOIN pg_class s ON s.oid = fed.sequence AND s.relkind = 'S'
JOIN pg_sequence q ON q.seqrelid = s.oid
JOIN pg_namespace sn ON sn.oid = s.relnamespace
JOIN pg_class t ON t.oid = fed."table" AND t.relpersistence = 'p'
JOIN pg_namespace tn ON tn.oid = t.relnamespace
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = fed."column" AND NOT a.attisdropped
ORDER BY 1, 2, 3, 4
