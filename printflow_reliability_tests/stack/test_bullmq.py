"""BullMQ's own API is the oracle: both major versions put real jobs into every state, and our numbers equal theirs."""

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from printflow_reliability.posture.bullmq_jobs import judge_state
from printflow_reliability.queues.look import read_queue
from printflow_reliability.queues.state import QueueState, Reading
from printflow_reliability.sandbox import node_pdf_service
from printflow_reliability_tests.stack.redis_here import PASSWORD, READ_ONLY, RedisHere, redis_here

pytestmark = pytest.mark.stack

SCRIPT = Path(__file__).with_name("bullmq_states.js")
SIX = Path(__file__).with_name("bullmq6")
QUEUES = ("states", "held up", "pruned*", "idle")


def modules_of_version_5() -> Path:
    if why := node_pdf_service.missing():
        pytest.skip(why)
    return node_pdf_service.LIBRARIES


def modules_of_version_6() -> Path:
    """Installed beside the sandbox's own, once for each lock file."""
    if not shutil.which("npm"):
        pytest.skip("npm is not installed here")
    lock = (SIX / "package-lock.json").read_bytes()
    target = Path(sys.prefix) / f"bullmq6-{hashlib.sha256(lock).hexdigest()[:12]}"
    if not (target / "done").exists():
        shutil.copytree(SIX, target, dirs_exist_ok=True)
        argv = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        try:
            ended = subprocess.run(argv, cwd=target, capture_output=True, text=True, timeout=120, check=False)
        except subprocess.TimeoutExpired:
            pytest.skip("npm does not reach its registry here")
        if ended.returncode:
            pytest.skip(f"npm does not reach its registry here: {ended.stderr[-200:]}")
        (target / "done").touch()
    return target / "node_modules"


MODULES = {"five": modules_of_version_5, "six": modules_of_version_6}


@dataclass(frozen=True)
class Oracle:
    """A Redis with queues in every state, and what BullMQ says of them; its worker of "states" is still connected."""

    server: RedisHere
    version: str
    said: Mapping[str, Any]

    def reading(self, queue: str, *, url: str = "", prefix: str = "") -> Reading:
        rule = {"job": "make", "path": "order.id"}
        entry = {"name": queue, "kind": "bullmq", "prefix": prefix or self.version, "order": [rule]}
        settings = self.server.configured(entry, url=url)
        return read_queue(settings, settings.queue[0])

    def state(self, queue: str, **how: str) -> QueueState:
        return self.reading(queue, **how).state


@pytest.fixture(scope="module", params=sorted(MODULES))
def oracle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    modules = MODULES[request.param]()
    with redis_here(tmp_path_factory.mktemp("redis")) as server:
        argv = ["node", str(SCRIPT), str(modules), str(server.port), request.param, "stay"]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as node:
            try:
                assert node.stdin is not None
                assert node.stdout is not None
                node.stdin.write(PASSWORD)
                node.stdin.close()
                said = node.stdout.readline()
                assert said, "the oracle said nothing"
                with server.client() as client:
                    left = client.lindex(f"{request.param}:states:active", 0)
                    client.delete(f"{request.param}:states:{left.decode()}:lock")  # as when its worker is killed
                    client.execute_command("ACL", "SETUSER", "watcher", *READ_ONLY)
                    client.execute_command("ACL", "SETUSER", "counter", *READ_ONLY, "+client|list")
                yield Oracle(server, request.param, json.loads(said))
            finally:
                node.kill()


@pytest.mark.parametrize("user", ["", "watcher"])
@pytest.mark.parametrize("queue", QUEUES)
def test_our_numbers_are_those_of_bullmq_also_with_rights_to_read_only(oracle: Oracle, queue: str, user: str) -> None:
    url = oracle.server.url(user, "reads") if user else ""
    state, said = oracle.state(queue, url=url), oracle.said[queue]
    counts = said["counts"]

    assert not state.unreadable
    assert state.waiting == counts["waiting"] + counts.get("paused", 0)
    assert (state.prioritized, state.delayed, state.reserved) == (
        *(counts["prioritized"], counts["delayed"], counts["active"]),
    )
    assert (state.waiting_children, state.failed) == (counts["waiting-children"], said["failed"])
    assert state.paused is said["paused"]
    assert state.version.startswith({"five": "bullmq:5.", "six": "bullmq:6."}[oracle.version])
    assert state.junk == 0


def test_only_what_is_due_counts_as_waiting_work(oracle: Oracle) -> None:
    state = oracle.state("states")
    assert (state.delayed, state.due) == (3, 1)
    assert state.depth == (state.waiting or 0) + (state.prioritized or 0) + 1
    assert oracle.state("idle").depth == 0


def test_a_job_whose_worker_was_killed_is_the_one_that_has_stalled(oracle: Oracle) -> None:
    assert oracle.state("states").stalled == 1
    assert oracle.state("idle").stalled == 0


def test_an_age_is_exact_unless_a_job_was_tried_before(oracle: Oracle) -> None:
    held, states = oracle.state("held up").oldest, oracle.state("states").oldest
    assert held is not None
    assert held.exact
    assert held.seconds > 0
    assert states is not None
    assert not states.exact


def test_the_failed_jobs_above_the_cursor_tell_their_reason_and_their_data(oracle: Oracle) -> None:
    failures = oracle.reading("states").failures
    assert failures is not None
    assert [(job.name, job.reason, job.payload) for job in failures.jobs] == [
        ("make", "no such font", {"order": {"id": 1}})
    ]
    pruned = oracle.reading("pruned*").failures
    assert pruned is not None
    assert (pruned.kept, pruned.new) == (1, 1)


@pytest.mark.parametrize("user", ["", "watcher"])
def test_jobs_say_the_options_that_they_were_queued_with(oracle: Oracle, user: str) -> None:
    url = oracle.server.url(user, "reads") if user else ""
    held, pruned = oracle.state("held up", url=url).options, oracle.state("pruned*", url=url).options
    assert held is not None
    assert pruned is not None
    bounded = {
        "attempts": 5,
        "backoff": {"type": "exponential", "delay": 1000, "jitter": 0.5},
        "removeOnFail": {"age": 604800},
    }
    unbounded = dict.fromkeys(bounded)
    assert {(kind.job, kind.jobs): kind.options for kind in held.kinds} == {
        ("make", 2): unbounded,
        ("bounded", 1): bounded,
    }
    assert (held.looked_at, held.whole, held.unread) == (3, True, 0)
    assert [kind.options for kind in pruned.kinds] == [{**unbounded, "removeOnFail": {"count": 1}}]
    worst = {item.rule.name: item.outcome for item in judge_state(oracle.state("held up"))}
    assert worst == {"bullmq_attempts": "fail", "bullmq_backoff": "fail", "bullmq_remove_on_fail": "pass"}


def test_workers_are_counted_where_client_list_may_be_asked(oracle: Oracle) -> None:
    counting = oracle.server.url("counter", "reads")
    assert {queue: oracle.state(queue, url=counting).workers for queue in QUEUES} == {
        queue: oracle.said[queue]["workers"] for queue in QUEUES
    }
    refused = oracle.state("states", url=oracle.server.url("watcher", "reads"))
    assert refused.workers is None
    assert "grant +client|list" in refused.unknown["workers"]


def test_a_wrong_prefix_is_no_empty_queue_and_the_right_one_is_named(oracle: Oracle) -> None:
    for queue in QUEUES:  # a star in its name matches no other queue
        why = oracle.state(queue, prefix="wrong").unreadable
        assert why == (
            f'there is no queue "{queue}" with the prefix "wrong"; there is one with the prefix "{oracle.version}"'
        )
    assert 'with that prefix there is "held up"' in oracle.state("sta*es").unreadable
    other = oracle.server.url(number=5)
    assert "is the number of the database in the url" in oracle.state("states", url=other).unreadable
