"""Backups, drills, recoveries and the graph on the foreign platform, by plain users: the healthy case of each."""

import re
import shlex
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from printflow_reliability_tests.stack.foreign.graph import materialize, names
from printflow_reliability_tests.stack.foreign.platform import DATABASE, Ended, ForeignPlatform

pytestmark = pytest.mark.stack

ACKNOWLEDGE = re.compile(r'\[\[acknowledged]] with (check = ".+?"), (about = ".+?") and a reason')


@pytest.fixture(scope="module")
def backed_up(foreign: ForeignPlatform) -> Ended:
    """How the first base backup went."""
    return foreign.run("backup", "run", "--json")


@pytest.fixture(scope="module")
def drill(foreign: ForeignPlatform, backed_up: Ended) -> Ended:
    """How a drill to the end of WAL went."""
    assert backed_up.exit_code == 0, backed_up
    foreign.beat()
    return foreign.run("drill", "run", "--json", by=foreign.reader)


def not_passed(document: Any) -> Sequence[tuple[str, str, str]]:
    return [
        (check["name"], check["outcome"], check["detail"]) for check in document["checks"] if check["outcome"] != "pass"
    ]


def now_archived(foreign: ForeignPlatform) -> str:
    """This moment; a commit after it is in the archive, so that all WAL up to it is."""
    moment = datetime.now(UTC).isoformat()
    foreign.beat()
    with foreign.connect() as connection:
        connection.execute("SELECT pg_switch_wal()")
    return moment


def test_a_backup_is_taken_by_a_superuser_who_signs_in_with_a_password(backed_up: Ended) -> None:
    assert backed_up.exit_code == 0, backed_up


def test_backups_are_listed_and_sound(foreign: ForeignPlatform, backed_up: Ended) -> None:
    listed, verified = foreign.run("backup", "list", "--json"), foreign.run("backup", "verify", "--json")

    assert (listed.exit_code, verified.exit_code) == (0, 0), (listed, verified)
    (cluster,) = listed.document["clusters"]
    assert (cluster["name"], [backup["repo"] for backup in cluster["backups"]]) == ("shop", [1])
    assert verified.document["ok"]
    again = foreign.run("backup", "verify", "--json")
    (before,), (after,) = (ended.document["clusters"][0]["repositories"] for ended in (verified, again))
    assert (again.exit_code, after["overdue"]) == (0, 0), again
    assert after["files_read"] * 10 < before["files_checked"] <= after["files_checked"]
    assert after["bytes_known_good"] >= before["bytes_known_good"] > 0


def test_what_expires_is_planned_and_nothing_has_to(foreign: ForeignPlatform, backed_up: Ended) -> None:
    verified = foreign.run("backup", "verify", "--json")
    ended = foreign.run("backup", "expire", "--apply", "--json")

    assert (verified.exit_code, ended.exit_code) == (0, 0), (verified, ended)
    assert {entry["action"] for entry in ended.document["plan"]} == {"keep"}
    assert (ended.document["done"], ended.document["findings"]) == ([], [])


def test_the_archive_of_64_mb_segments_is_whole(foreign: ForeignPlatform, backed_up: Ended) -> None:
    ended = foreign.run("wal", "verify", "--json")

    assert ended.exit_code == 0, ended
    assert not_passed(ended.document) == []
    (cluster,) = ended.document["clusters"]
    assert (cluster["gaps"], cluster["segments_checked"] > 0) == ([], True)


def test_a_repository_without_versions_is_said_to_be_none_that_comes_back(
    foreign: ForeignPlatform, backed_up: Ended
) -> None:
    ended = foreign.run("backup", "undelete", "--before", now_archived(foreign))

    assert ended.exit_code == 2, ended
    assert "is no repository in S3 (posix)" in ended.stdout, ended


def test_a_drill_passes(foreign: ForeignPlatform, drill: Ended) -> None:
    # Without data checksums, damage that no query meets goes unnoticed: said, on every drill.
    assert [check[:2] for check in not_passed(drill.document)] == [
        ("drill.fence", "warn"),
        ("drill.checksums", "warn"),
    ], drill
    assert (drill.exit_code, drill.document["passed"], drill.document["fence"]["matched"]) == (1, True, True), drill
    assert drill.document["printable_orders"] == drill.document["open_orders"] > 0, drill
    # A plain user is given one by the kernel too, in a user namespace.
    isolation = next(check for check in drill.document["checks"] if check["name"] == "drill.isolation")
    assert "clones were confined by a mount namespace" in isolation["detail"]


def test_what_a_drill_leaves_is_its_history(foreign: ForeignPlatform, drill: Ended) -> None:
    number = str(drill.document["id"])
    listed, shown = foreign.run("drill", "list", "--json"), foreign.run("drill", "show", number, "--json")
    report, objectives = foreign.run("drill", "report", number), foreign.run("drill", "objectives", "--json")

    assert [record["id"] for record in listed.document["drills"]] == [drill.document["id"]], listed
    assert shown.document["checks"] == drill.document["checks"], shown
    assert report.exit_code == 0, report
    assert objectives.exit_code == 0, objectives
    assert list((foreign.root / "clones").iterdir()) == []


def test_what_a_drill_replayed_over_is_proven(foreign: ForeignPlatform, drill: Ended) -> None:
    verified = foreign.run("backup", "verify", "--json")
    ended = foreign.run("backup", "window", "--json", by=foreign.owner)

    assert (verified.exit_code, ended.exit_code) == (0, 0), (verified, ended)
    (repository,) = ended.document["clusters"][0]["repositories"]
    proven = [interval for interval in repository["intervals"] if interval["state"] == "proven"]
    assert proven[0]["drill"] == drill.document["id"], ended
    assert repository["proven_fraction"] > 0
    assert {interval["state"] for interval in repository["intervals"]} <= {"proven", "provable", "unknown"}


@contextmanager
def acknowledged(foreign: ForeignPlatform, warnings: Sequence[str]) -> Iterator[None]:
    """Accept each warning for the block by the line that it asks for itself."""
    before = foreign.config.read_text(encoding="utf-8")
    asked = [ACKNOWLEDGE.search(warning) for warning in warnings]
    lines = [f'[[acknowledged]]\n{line[1]}\n{line[2]}\nreason = "on purpose"\n' for line in asked if line]
    foreign.config.write_text("\n".join([before, *lines]), encoding="utf-8")
    yield
    foreign.config.write_text(before, encoding="utf-8")


def test_a_drill_to_a_moment_in_the_graph_passes_with_its_warnings_acknowledged(
    foreign: ForeignPlatform, drill: Ended
) -> None:
    moment = now_archived(foreign)
    config = {"ops": {"restore_drill": {"config": {"target": moment}}}}
    with acknowledged(foreign, [detail for _, _, detail in not_passed(drill.document)]):
        answer = materialize(foreign, "restore_drill", by=foreign.reader, config=config)

    assert all(answer["restore_drill"]["checks"].values()), answer


@pytest.mark.parametrize("target", ["longest", "random"])
def test_a_drill_to_every_kind_of_target_passes(foreign: ForeignPlatform, drill: Ended, target: str) -> None:
    fence = foreign.run("drill", "fence", "--json", by=foreign.reader)
    now_archived(foreign)
    ended = foreign.run("drill", "run", "--target", target, "--json", by=foreign.reader)

    assert fence.exit_code == 0, fence
    assert ended.document["passed"], ended
    # A moment may lie before every fence, and then there is nothing to compare it with.
    unknown = {name for name, outcome, _ in not_passed(ended.document) if outcome not in ("warn", "pass")}
    assert unknown == set(), ended


def test_the_copies_are_what_they_are_but_for_another_region(foreign: ForeignPlatform, drill: Ended) -> None:
    for command in (("backup", "verify"), ("dump", "run"), ("dump", "verify"), ("files", "reconcile")):
        assert foreign.run(*command).exit_code == 0, command
    ended = foreign.run("copies", "--json")
    answer = materialize(foreign, "backup_copies", by=foreign.owner)

    # The shop's only S3 server is that of its region, and its print files have no replica.
    (files,) = ended.document["files"]
    kept = {"copies": False, "media": False, "offsite": False, "immutable": None, "errors": True}
    assert {rule["name"]: rule["ok"] for rule in files["rules"]} == kept, files
    assert [(copy["name"], copy["state"]) for copy in files["copies"]] == [("the bucket itself", "pass")], files
    holds = {"copies": True, "media": True, "offsite": False, "immutable": True, "errors": True}
    assert {rule["name"]: rule["ok"] for rule in ended.document["rules"]} == holds, ended
    assert ended.exit_code == 1
    assert answer["backup_copies"]["checks"] == {
        **{f"copies__{name}": ok for name, ok in holds.items()},
        "copies__files": False,
    }


def test_every_other_asset_materializes(foreign: ForeignPlatform, drill: Ended) -> None:
    with foreign.connect() as connection:
        merchant, order = connection.execute(
            "SELECT merchant, id FROM purchases WHERE state = 'bezahlt' ORDER BY id LIMIT 1"
        ).fetchone() or ("", "")
    whole = ["wal_archive", "backup_integrity", "recoverable_window", "backup_expiry"]
    whole += ["recovery_objectives", "recovery_fence", "orphaned_files", "paid_orders", "alert_delivery", "readiness"]
    whole.append("print_file_protection")
    parts = {
        "base_backup": "shop",
        "tenant_files": str(merchant),
        "print_file_integrity": str(merchant),
        "held_orders": str(order),
    }
    made = {*whole, *parts, "restore_drill", "backup_copies"}
    made |= {"logical_dump", "dump_verification", "dump_expiry"}  # test_foreign_dumps.py
    made |= {"config_backup", "config_verification", "queue_health"}  # test_foreign_config.py, test_foreign_queues.py
    assert made == set(names(foreign)["materializable"]), "an asset that is new has its healthy case here too"
    for command in (("backup", "list"), ("queues",)):  # what readiness tells of them is what was recorded
        foreign.run(*command)
    answer = materialize(foreign, *whole, *parts, by=foreign.owner, partitions=parts)

    unwell = {name for name, asset in answer.items() if not asset["success"] or not all(asset["checks"].values())}
    assert unwell == {"alert_delivery"}, answer  # there is no route, and it says so


def test_it_is_ready_once_backups_and_a_restore_are_proven(foreign: ForeignPlatform, drill: Ended) -> None:
    assert [foreign.run(*command).exit_code for command in (("backup", "list"), ("queues",))] == [0, 0]
    ended = foreign.run("ready", "--json", by=foreign.owner)

    assert [check for check in ended.document["checks"] if not check["ok"]] == [], ended
    assert (ended.exit_code, ended.document["ok"]) == (0, True)


@pytest.mark.parametrize("to", ["latest", "a moment"])
def test_a_recovery_stands_beside_production(foreign: ForeignPlatform, drill: Ended, to: str) -> None:
    place = foreign.root / "recovered" / to.replace(" ", "-")
    target = to if to == "latest" else now_archived(foreign)
    ended = foreign.run("recover", "--to", target, "--into", str(place), "--json", by=foreign.reader)

    assert ended.exit_code == 0, ended


def test_a_migration_that_went_wrong_is_undone_to_its_restore_point(foreign: ForeignPlatform, drill: Ended) -> None:
    safe = foreign.run("backup", "before-migrate", "--name", "before-prices", "--json")
    assert safe.exit_code == 0, safe
    numbers = "SELECT count(*), min(number), max(number) FROM purchases"
    with foreign.connect() as connection:
        before = connection.execute(numbers).fetchone()
        connection.execute("UPDATE purchases SET number = 'wrong ' || number")
    try:
        taken = foreign.run("backup", "before-migrate", "--name", "before-prices", "--json")
        argv = [*shlex.split(safe.document["commands"][0])[3:], "--json"]
        argv[argv.index("--into") + 1] = str(foreign.root / "recovered" / "undone")
        now_archived(foreign)
        undone = foreign.run(*argv, by=foreign.reader)
    finally:
        with foreign.connect() as connection:
            connection.execute("UPDATE purchases SET number = substr(number, length('wrong ') + 1)")

    assert (taken.exit_code, "already" in taken.document["error"]["what"]) == (2, True), taken
    assert undone.exit_code == 0, undone
    assert undone.document["clusters"][0]["reached_lsn"] == safe.document["done"][0]["lsn"]
    (cluster,) = undone.document["clusters"]
    with psycopg.connect(
        host=cluster["sockets"], port=cluster["port"], user=cluster["superuser"], dbname=DATABASE
    ) as connection:
        assert connection.execute(numbers).fetchone() == before


def test_a_gap_that_nobody_can_repair_is_accepted(foreign: ForeignPlatform, backed_up: Ended) -> None:
    with foreign.connect() as connection:
        lost = str(connection.execute("SELECT pg_walfile_name(pg_current_wal_lsn())").fetchall()[0][0])
    for _ in range(2):
        now_archived(foreign)
    await_archived(foreign, lost)
    (stored,) = (foreign.root / "repository" / "archive").glob(f"print-shop/*/{lost[:16]}/{lost}-*")
    aside = stored.rename(foreign.root / "repository" / stored.name)
    try:
        broken = foreign.run("wal", "verify", "--json")
        accept = ("wal", "acknowledge", "shop", lost, lost, "--reason", "the disk of before is gone", "--json")
        planned, done = foreign.run(*accept), foreign.run(*accept, "--apply")
        verified = foreign.run("wal", "verify", "--json")
    finally:
        aside.rename(stored)

    assert [broken.exit_code, planned.exit_code, done.exit_code, verified.exit_code] == [1, 0, 0, 0], verified
    assert (planned.document["applied"], done.document["applied"]) == (False, True)
    (gap,) = verified.document["clusters"][0]["gaps"]
    assert gap["reason"] == "the disk of before is gone"


def await_archived(foreign: ForeignPlatform, segment: str) -> None:
    """Wait until a segment and the one after it are in the archive."""
    deadline = time.monotonic() + 30
    with foreign.connect() as connection:
        while True:
            ((newest,),) = connection.execute("SELECT last_archived_wal FROM pg_stat_archiver").fetchall()
            if str(newest)[:24] > segment:
                return
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_one_tenants_rows_come_back(foreign: ForeignPlatform, drill: Ended) -> None:
    with foreign.connect() as connection:
        merchant = str(connection.execute("SELECT id FROM merchants WHERE slug = 'acme'").fetchall()[0][0])
        before = rows(foreign, merchant)
        moment = now_archived(foreign)
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "DELETE FROM purchase_lines WHERE purchase IN (SELECT id FROM purchases WHERE merchant = %s)", (merchant,)
        )
        connection.execute("DELETE FROM purchases WHERE merchant = %s", (merchant,))
    command = ("tenant", "restore", merchant, "--to", moment, "--json")
    plan = foreign.run(*command, by=foreign.reader)
    done = foreign.run(*command, "--apply", by=foreign.reader)

    assert plan.exit_code == 0, plan
    assert done.exit_code == 0, done
    assert rows(foreign, merchant) == before


def test_the_configuration_file_is_documented(foreign: ForeignPlatform) -> None:
    ended = foreign.run("config", "reference")
    assert ended.exit_code == 0
    assert "`[[cluster]]`" in ended.stdout


def test_the_runbook_names_this_installations_own_things(foreign: ForeignPlatform) -> None:
    plan, lost = foreign.run("runbook"), foreign.run("runbook", "cluster-lost")

    assert (plan.exit_code, lost.exit_code) == (0, 0)
    assert "live_db" not in plan.stdout + lost.stdout
    assert "'Shop Admin'" in lost.stdout
    assert DATABASE in lost.stdout


def rows(foreign: ForeignPlatform, merchant: str) -> Sequence[object]:
    """A tenant's purchases and their lines, whole rows as text."""
    with foreign.connect() as connection:
        return connection.execute(
            "SELECT p::text, l::text FROM purchases p JOIN purchase_lines l ON l.purchase = p.id "
            "WHERE p.merchant = %s ORDER BY 1, 2",
            (merchant,),
        ).fetchall()


def test_its_status_is_told_with_what_is_well_and_what_is_not(foreign: ForeignPlatform, drill: Ended) -> None:
    assert foreign.run("wal", "verify").exit_code == 0
    ended = foreign.run("status", "--json", by=foreign.owner)

    assert ended.exit_code == 1, ended
    lines = ended.document["lines"]
    well = {line["area"] for line in lines if line["outcome"] == "pass"}
    assert {"archiving", "buckets", "drill", "backup"} <= well, ended
    assert any("recoverable from" in line["text"] and line["outcome"] == "pass" for line in lines), ended
    # Nobody watches here, and it says so.
    assert [line["area"] for line in lines if line["outcome"] == "fail" and line["area"] == "guard"] == ["guard"]
    assert all(line["command"].startswith("printflow ") for line in lines)
