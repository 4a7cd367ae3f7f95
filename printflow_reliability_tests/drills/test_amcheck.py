"""Reading what pg_amcheck says."""

from printflow_reliability.drills.validation.amcheck import describe, parse_findings

SAID = """\
btree index "live_db.public.orders_pkey":
    ERROR:  heap tuple (0,7) from table "orders" lacks matching index tuple within index "orders_pkey"
    HINT:  Retrying verification using the function bt_index_parent_check() might provide a more specific error.
heap table "live_db.public.order_items", block 3, offset 12, attribute 2:
    attribute 2 with length -1 ends at offset 8190 beyond total tuple length 60
heap table "live_db.public.order_items", block 4, offset 1:
    line pointer redirection to item at offset 9000 exceeds maximum offset 120
"""


def test_each_relation_is_named_once_with_the_first_thing_said_of_it() -> None:
    found = parse_findings("live_db", SAID)
    assert [one.relation for one in found] == ["live_db.public.orders_pkey", "live_db.public.order_items"]
    assert found[0].detail.startswith('heap tuple (0,7) from table "orders" lacks matching index tuple')
    assert describe(found).startswith("2 relations are not sound: live_db.public.orders_pkey: heap tuple (0,7)")


def test_silence_is_no_finding_and_words_of_another_form_are_one() -> None:
    assert parse_findings("live_db", "") == ()
    assert parse_findings("live_db", "something new in a later version\n") != ()
