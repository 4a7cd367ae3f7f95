"""The real pdf-service with each of the platform's faults: one file is made, and only what was inspected is linked."""

import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import redis

from printflow_reliability.sandbox import node_pdf_service
from printflow_reliability.sandbox.faults import planted
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.repairs import BIN, Printflow, guarded, keys, linked, printflow, repairs

__all__ = ["guarded", "printflow"]
pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(bool(node_pdf_service.missing()), reason=node_pdf_service.missing()),
]
FAILED = "bull:print-files:failed"


@pytest.fixture
def lost(guarded: StackSandbox) -> Iterator[Mapping[str, str]]:
    """A paid order whose file is gone from everywhere."""
    with planted(guarded.home, "object_gone") as there:
        yield there.where


def made(sandbox: StackSandbox, before: set[str]) -> list[str]:
    """The names of the files that came since."""
    return sorted(key.rpartition("/")[2] for key in keys(sandbox) - before)


def test_a_file_that_is_lost_is_made_again_once_whatever_is_at_work(
    guarded: StackSandbox, printflow: Printflow, lost: Mapping[str, str]
) -> None:
    order, before = lost["order"], keys(guarded)
    code, plan = printflow("orders", "repair", order)
    assert (code, [step["way"] for step in plan["plan"]]) == (1, ["regenerate"])
    command = [BIN, "--config", str(guarded.config), "orders", "repair", order, "--apply"]
    both = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(2)]
    codes = sorted(process.wait(120) for process in both)
    assert codes[0] == 0
    assert codes[1] in (0, 2), "the other had nothing left to do, or was told that somebody is at it"
    assert printflow("orders", "check", order)[0] == 0
    assert len(made(guarded, before)) == 1
    assert [row[1:4:2] for row in repairs(guarded)] == [("regenerate", "done")]


def test_a_repair_that_is_killed_is_completed_by_the_next_without_a_second_file(
    guarded: StackSandbox, printflow: Printflow, lost: Mapping[str, str]
) -> None:
    order, before = lost["order"], keys(guarded)
    node_pdf_service.behave(guarded.home, "hang", 1)
    process = subprocess.Popen(
        [BIN, "--config", str(guarded.config), "orders", "repair", order, "--apply"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not repairs(guarded) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.kill()
    process.wait(30)
    assert [row[3] for row in repairs(guarded)] == [None]
    node_pdf_service.behave(guarded.home, "hang", 0)

    code, done = printflow("orders", "repair", order, "--apply", "--by", "Ada")
    assert (code, done["ready"]) == (0, True), done
    assert len(made(guarded, before)) == 1
    assert repairs(guarded) == [(order, "regenerate", "Ada", "done", 2)]


@pytest.mark.parametrize("fault", ["link_error_swallowed", "timestamped"])
def test_a_service_that_forgets_the_link_or_names_files_by_time_is_made_good(
    guarded: StackSandbox, printflow: Printflow, lost: Mapping[str, str], fault: str
) -> None:
    order, before = lost["order"], keys(guarded)
    node_pdf_service.behave(guarded.home, fault, 1)
    code, done = printflow("orders", "repair", order, "--apply")
    assert (code, done["ready"]) == (0, True), done
    (new,) = made(guarded, before)
    assert new in {row[0].rpartition("/")[2] for row in linked(guarded).values() if row[0]}


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("error_page", "answered 200 with a web page"),
        ("error_page_stored", "HTML"),
        ("other_order", "nothing was linked"),
        ("hang", "did not answer within"),
    ],
)
def test_what_a_faulty_service_makes_is_never_a_ready_order(
    guarded: StackSandbox, printflow: Printflow, lost: Mapping[str, str], fault: str, says: str, impatient: None
) -> None:
    order, before = lost["order"], linked(guarded)
    node_pdf_service.behave(guarded.home, fault, 1)
    code, failed = printflow("orders", "repair", order, "--apply")
    assert (code, failed["ready"], failed["done"]) == (1, False, []), failed
    assert says in failed["failed"][0]["detail"]
    assert "Next: " in failed["failed"][0]["detail"]
    changed = {item for item, row in linked(guarded).items() if row != before[item]}
    assert fault == "error_page_stored" or not changed, "the service itself linked what it stored"
    assert repairs(guarded)[0][3] in ("failed", "rejected")
    assert printflow("orders", "check", order)[0] == 1

    code, done = printflow("orders", "repair", order, "--regenerate", "--apply")
    assert (code, done["ready"]) == (0, True), done


@pytest.fixture
def impatient(guarded: StackSandbox) -> Iterator[None]:
    """The time limit of the pdf-service is short."""
    text = guarded.config.read_text()
    guarded.config.write_text(text.replace("timeout_seconds = 20", "timeout_seconds = 3"))
    yield
    guarded.config.write_text(text)


def test_a_job_that_failed_is_kept_and_is_tried_again_when_it_is_asked_for_again(
    guarded: StackSandbox, printflow: Printflow, lost: Mapping[str, str], impatient: None
) -> None:
    order = lost["order"]
    with redis.Redis.from_url(guarded.home.secret("redis.url")) as queue:
        node_pdf_service.behave(guarded.home, "job_fails", 99)
        code, failed = printflow("orders", "repair", order, "--apply")
        assert (code, "a font that is not there" in failed["failed"][0]["detail"]) == (1, True), failed
        kept: list[Any] = queue.zrange(FAILED, 0, -1)
        data: Any = queue.hget(f"bull:print-files:{kept[0].decode()}", "data")
        assert (len(kept), json.loads(data)["order"]) == (1, order)
        node_pdf_service.behave(guarded.home, "job_fails", 0)

        code, done = printflow("orders", "repair", order, "--apply")
        assert (code, done["ready"]) == (0, True), done
        assert queue.zcard(FAILED) == 0
