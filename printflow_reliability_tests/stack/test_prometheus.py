"""deploy/prometheus: each rule rings and is silent, and a real Prometheus has data for each query of the dashboard."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml  # type: ignore[import-untyped]
from psycopg.types.json import Jsonb

import printflow_reliability
from printflow_reliability.backups.wal import CONTINUITY, repository_scope
from printflow_reliability.checks import CheckResult, Outcome, scope_of
from printflow_reliability.queues.look import check_queues
from printflow_reliability.readiness.dagster_seen import DAGSTER, SEEN_BY_ITSELF
from printflow_reliability.records.check_results import remember
from printflow_reliability.records.database import open_records
from printflow_reliability.records.leases import announce
from printflow_reliability.text import printable, storable
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.queue_records import nothing_known_of_queues
from printflow_reliability_tests.stack.serving import PROGRAM, Serving, serving

DEPLOY = Path(printflow_reliability.__file__).parent.parent / "deploy" / "prometheus"
RULES = DEPLOY / "printflow-alerts.yml"
TESTS = (DEPLOY / "printflow-alerts-test.yml", DEPLOY / "printflow-alerts-days-test.yml")
PROMETHEUS, PROMTOOL = shutil.which("prometheus"), shutil.which("promtool")
SECONDS = 60.0
pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(PROMETHEUS is None or PROMTOOL is None, reason="Debian's package prometheus is not installed"),
]
PLANTED = (
    CheckResult("wal.lag", Outcome.FAIL, "late", {"wal_lag_seconds": 900}),
    CheckResult("backup.recent", Outcome.UNKNOWN, "no answer", {"oldest_newest_backup_seconds": 3600}),
    CheckResult("files.missing", Outcome.PASS, "-", {"missing_lost_files": 0, "missing_restorable_files": 0}),
    CheckResult("ready.disk", Outcome.PASS, "-", {"disk_free_bytes": 10**9}),
    CheckResult("ready.databases", Outcome.PASS, "-", {"connections": 3}),
    CheckResult(
        DAGSTER, Outcome.PASS, "-", {"daemon_heartbeat_age_seconds": 20, "late_schedules": 0}, scope=SEEN_BY_ITSELF
    ),
    # Where there is no Node, the sandbox has no queue that tells of its workers.
    CheckResult("queues.workers", Outcome.PASS, "-", {"living_workers": 1, "needed_workers": 1}, scope="queue planted"),
)
ODD = (
    'Druck "sachen"',
    "back\\slash",
    "two\nlines",
    '{a="b"} 1',
    "\u5370\u5237 \U0001f5a8\u2028",
    "tab\t\r\x00\x7f",
    "\ud800",
    "'",
)
"""Names of queues as nobody should give them, and somebody will."""
ODD_SCOPES = [scope_of(queue=[printable(storable(name))]) for name in ODD]
A_DRILL = """
INSERT INTO drills (started_at, finished_at, target, repository, outcome, rto_seconds, rpo_seconds)
VALUES (now(), now(), 'latest', 1, 'pass', 60, 2) RETURNING id"""
A_HOLD = "INSERT INTO holds (order_id, tenant, reason, files) VALUES ('prometheus', 't', 'r', '[]')"
AN_ALERT = """
INSERT INTO alerts (dedup_key, severity, title, body) VALUES ('prometheus', 'error', 't', 'b') RETURNING id"""
WAITS = "INSERT INTO deliveries (alert_id, subject, route, event) VALUES (%s, 'prometheus', 'nobody', 'trigger')"


def documents(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def queries() -> list[str]:
    dashboard = json.loads((DEPLOY / "printflow-dashboard.json").read_text(encoding="utf-8"))
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


def test_every_rule_is_seen_to_ring_and_to_be_silent() -> None:
    rules = {rule["alert"] for group in documents(RULES)["groups"] for rule in group["rules"]}
    cases = [case for file in TESTS for test in documents(file)["tests"] for case in test["alert_rule_test"]]

    assert {case["alertname"] for case in cases if case["exp_alerts"]} == rules
    assert {case["alertname"] for case in cases if not case["exp_alerts"]} == rules


def test_promtool_finds_that_each_rule_does_as_its_tests_say() -> None:
    assert PROMTOOL is not None
    ended = subprocess.run([PROMTOOL, "test", "rules", *TESTS], capture_output=True, text=True, timeout=300, cwd=DEPLOY)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.fixture(scope="module")
def known(sandbox: StackSandbox) -> Iterator[None]:
    """Records that know something of everything; they are as they were afterwards."""
    moments = {"recoverable_from_timestamp_seconds": 1.0, "recoverable_until_timestamp_seconds": time.time()}
    name = sandbox.settings.cluster[0].name
    repository = CheckResult(CONTINUITY, Outcome.PASS, "-", moments, scope=repository_scope(name, 1))
    with open_records(sandbox.settings.records) as records:
        before = records.execute("SELECT * FROM check_results").fetchall()
    with nothing_known_of_queues(sandbox):
        check_queues(sandbox.settings)
    with open_records(sandbox.settings.records) as records:
        remember(records, [*PLANTED, repository])
        remember(records, [CheckResult("queues.age", Outcome.FAIL, "late", scope=scope) for scope in ODD_SCOPES])
        (drill,) = records.execute(A_DRILL).fetchone() or (0,)
        records.execute(A_HOLD)
        (alert,) = records.execute(AN_ALERT).fetchone() or (0,)
        records.execute(WAITS, (alert,))
        announce(records, "guard", "a watcher of this test")
    yield
    with open_records(sandbox.settings.records) as records:
        records.execute("DELETE FROM drills WHERE id = %s", (drill,))
        records.execute("DELETE FROM holds WHERE order_id = 'prometheus'")
        records.execute("DELETE FROM alerts WHERE id = %s", (alert,))
        records.execute("DELETE FROM leases WHERE holder = 'a watcher of this test'")
        records.execute("DELETE FROM check_results")
        for row in before:
            values = [Jsonb(value) if isinstance(value, dict) else value for value in row]
            records.execute("INSERT INTO check_results VALUES (%s, %s, %s, %s, %s, %s)", values)


@pytest.fixture(scope="module")
def server(sandbox: StackSandbox, known: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    log = tmp_path_factory.mktemp("scraped") / "log"
    token = sandbox.home.secret("http.token")
    with serving([PROGRAM, "--config", str(sandbox.config), "serve"], log, token) as server:
        yield server


@contextmanager
def prometheus(server: Serving, place: Path) -> Iterator[httpx.Client]:
    """A Prometheus that scrapes the server as deploy/prometheus/prometheus.yml says, but for pace and target."""
    config = documents(DEPLOY / "prometheus.yml")
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["scrape_configs"][0]["static_configs"] = [{"targets": [f"127.0.0.1:{server.port}"]}]
    (place / "printflow.token").write_text(server.token, encoding="utf-8")
    shutil.copy(RULES, place)
    (place / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    argv = [
        str(PROMETHEUS),
        f"--config.file={place / 'prometheus.yml'}",
        f"--storage.tsdb.path={place / 'data'}",
        f"--web.listen-address={address}",
    ]
    with (
        (place / "log").open("wb") as log,
        subprocess.Popen(argv, stdout=log, stderr=log, cwd=place) as process,
        httpx.Client(base_url=f"http://{address}", timeout=30) as client,
    ):
        try:
            yield client
        finally:
            process.kill()


def found(client: httpx.Client, query: str) -> list[Any]:
    try:
        answer = client.get("/api/v1/query", params={"query": query}).json()
    except (httpx.TransportError, json.JSONDecodeError):  # it is starting
        return []
    assert answer["status"] in ("success", "error"), answer
    return list(answer.get("data", {}).get("result", []))


def test_a_real_prometheus_has_data_for_every_query_of_the_dashboard(server: Serving, tmp_path: Path) -> None:
    with prometheus(server, tmp_path) as client:
        deadline = time.monotonic() + SECONDS
        while not found(client, "printflow_held_orders") and time.monotonic() < deadline:
            time.sleep(0.2)
        without = [query for query in queries() if not found(client, query)]
        named = {
            sample["metric"].get("scope", "") for sample in found(client, 'printflow_check_status{check="queues.age"}')
        }
        rules = client.get("/api/v1/rules").json()["data"]["groups"][0]["rules"]
        scraped = client.get("/api/v1/targets").json()["data"]["activeTargets"]
    assert without == [], (tmp_path / "log").read_text(encoding="utf-8")
    assert set(ODD_SCOPES) <= named, "a name of a queue is a label that reads back as it is"
    assert {rule["health"] for rule in rules} <= {"ok", "unknown"}
    assert [target["lastError"] for target in scraped] == [""]
