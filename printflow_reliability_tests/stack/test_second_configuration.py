"""A configuration that is not the sandbox's: one cluster called `shop`, a bucket called `art`, every asset run once."""

from collections.abc import Iterator

import pytest

from printflow_reliability_tests.stack.foreign.graph import materialize, names, observe
from printflow_reliability_tests.stack.foreign.platform import ForeignPlatform

pytestmark = pytest.mark.stack

RENAMED = (
    ('[[bucket]]\nname = "media"', '[[bucket]]\nname = "art"'),
    ('\nbucket = "media"', '\nbucket = "art"'),
    ('\nabout = "media ', '\nabout = "art '),
)
SYSTEMS = {"shop", "art_bucket", "papers_bucket", "strongroom_bucket"}
WITHOUT_ROUTE = {"alert_delivery"}
"""There is nobody to tell, and it says so."""
IN_ONE_REGION = {"backup_copies"}
"""The only S3 server is that of the shop's own region."""
IN_THIS_ORDER = ("logical_dump", "dump_verification", "backup_copies")


@pytest.fixture(scope="module")
def art(foreign: ForeignPlatform) -> Iterator[ForeignPlatform]:
    """The foreign platform with its bucket called `art`."""
    before = foreign.config.read_text(encoding="utf-8")
    after = before
    for old, new in RENAMED:
        assert old in after
        after = after.replace(old, new)
    foreign.config.write_text(after, encoding="utf-8")
    foreign.run("config", "backup")  # another configuration than in the copy before is a finding, once
    try:
        yield foreign
    finally:
        foreign.config.write_text(before, encoding="utf-8")


def test_the_graph_stands_on_the_systems_of_this_configuration(art: ForeignPlatform) -> None:
    assert set(names(art)["observable"]) == SYSTEMS


def test_its_systems_are_observed(art: ForeignPlatform) -> None:
    assert observe(art) == {"success": True, "observed": dict.fromkeys(SYSTEMS, "OK")}


def test_every_asset_of_the_graph_runs_once(art: ForeignPlatform) -> None:
    with art.connect() as connection:
        merchant, order = connection.execute(
            "SELECT merchant, id FROM purchases WHERE state = 'bezahlt' ORDER BY id LIMIT 1"
        ).fetchall()[0]
    parts = {"tenant_files": str(merchant), "print_file_integrity": str(merchant), "held_orders": str(order)}
    parts |= {"base_backup": "shop", "logical_dump": "shop"}
    full = {"ops": {"base_backup": {"config": {"type": "full"}}}}
    every = set(names(art)["materializable"])

    answer = materialize(art, "base_backup", by=art.owner, partitions=parts, config=full)
    art.beat()
    for command in (("backup", "list"), ("queues",)):  # what readiness tells of them is what was recorded
        art.run(*command)
    answer |= materialize(art, "restore_drill", by=art.reader)
    rest = sorted(every - set(answer) - {*IN_THIS_ORDER})
    answer |= materialize(art, *rest, *IN_THIS_ORDER, by=art.owner, partitions=parts)

    assert set(answer) == every
    drill = answer.pop("restore_drill")
    # Without data checksums it warns on every drill.
    assert {name for name, passed in drill["checks"].items() if not passed} <= {"drill__fence", "drill__checksums"}
    unwell = {name for name, asset in answer.items() if not asset["success"] or not all(asset["checks"].values())}
    assert unwell == WITHOUT_ROUTE | IN_ONE_REGION, answer
