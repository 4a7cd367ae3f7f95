"""Rows are counted in what pg_restore would load: by table, whatever their names and values hold."""

from dataclasses import replace

from printflow_reliability.dumps.rows import Rows, count_rows, differences, shortened
from printflow_reliability_tests.dumps.manifests import CONTENT

SCRIPT = b"""--
-- Data for Name: orders; Type: TABLE DATA
--
SET client_encoding = 'UTF8';
COPY public.orders (id, note) FROM stdin;
1\tCOPY public.lies (id) FROM stdin;
2\t\\\\.
3\tSELECT pg_catalog.lo_open('1', 131072);
\\.


COPY "Au.dit"."Tr""ail" ("row") FROM stdin;
\\.


COPY "a(b)"."c d"  FROM stdin;

\\.
COPY public."two
lines" (a) FROM stdin;
x
\\.
SELECT pg_catalog.lo_open('16400', 131072);
SELECT pg_catalog.lowrite(0, '\\x00');
SELECT pg_catalog.setval('public.orders_id_seq', 3, true);
"""


def test_each_row_counts_for_its_own_table() -> None:
    found = count_rows(SCRIPT.splitlines(keepends=True), "utf-8")
    assert found == Rows(
        {"public.orders": 3, '"Au.dit"."Tr""ail"': 0, "a(b).c d": 1, "public.two\nlines": 1}, large_objects=1
    )


def test_names_of_any_encoding_are_told_apart() -> None:
    script = [b'COPY public."\xdc" (a) FROM stdin;\n', b"x\n", b"\\.\n"]
    assert count_rows(script, "latin-1").tables == {"public.Ü": 1}
    assert count_rows(script, "utf-8").tables == {"public.\\xdc": 1}


def test_a_row_too_few_or_too_many_and_a_lost_table_are_differences() -> None:
    expected = replace(CONTENT, tables={"public.orders": 3, "public.gone": 2}, large_objects=1)
    wrong = differences(expected, Rows({"public.orders": 2, "public.more": 9}, 0))
    assert wrong == [
        "public.orders has 2 rows instead of 3",
        "public.gone is missing (2 rows)",
        "0 large objects instead of 1",
    ]
    assert differences(expected, Rows({"public.orders": 3, "public.gone": 2}, 1)) == []
    assert shortened([*wrong, "x", "y"]).endswith("; and 2 more")
