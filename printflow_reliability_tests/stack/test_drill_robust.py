"""Drills that are killed, starved of disk or time, or met by another: nothing is left, and the cause is named."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.cli import run
from printflow_reliability.drills.drill import run_drill
from printflow_reliability.drills.history import list_drills
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.platform.tenancy import tenants
from printflow_reliability.recovery.recover import recover
from printflow_reliability.restore.clones.configuration import SERVER
from printflow_reliability.restore.phases import Phase
from printflow_reliability.restore.reaper import processes_in, reap
from printflow_reliability.restore.targets import Target
from printflow_reliability.settings import Settings
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.drilling import detail, left_behind, outcomes
from printflow_reliability_tests.stack.wal import archived_moment
from printflow_reliability_tests.stack.wrong_configuration import configured, output_of

pytestmark = pytest.mark.stack

DISK_FULL = r"No space left on device|is the disk full\?"
"""A write that ends short has no error of the system's, so pgBackRest only says that it could not write."""
KILLED_WHILE_TEARING_DOWN = """
import os, signal, shutil, sys
from pathlib import Path
from printflow_reliability.drills.drill import run_drill
from printflow_reliability.settings import load

whole = shutil.rmtree

def half(place, *options, **named):
    if (Path(place) / "data" / "base").is_dir():
        whole(Path(place) / "data" / "base")
        os.kill(os.getpid(), signal.SIGKILL)
    whole(place, *options, **named)

shutil.rmtree = half
run_drill(load(Path(sys.argv[1])))
"""
KILLED_AS_ITS_MARKER_WENT = """
import os, signal, sys
from pathlib import Path
from printflow_reliability.drills.drill import run_drill
from printflow_reliability.restore.phases import Phase
from printflow_reliability.restore.reaper import MARKER
from printflow_reliability.settings import load

gone = False

def heard(event, arguments):
    global gone
    if event in ("os.remove", "os.rmdir") and gone:
        os.kill(os.getpid(), signal.SIGKILL)
    gone = gone or event == "os.remove" and Path(arguments[0]).name == MARKER

def tell(phase):
    if phase is Phase.START:
        raise KeyboardInterrupt

sys.addaudithook(heard)
run_drill(load(Path(sys.argv[1])), tell=tell)
"""
WAITING = """
import sys, time
from pathlib import Path
from printflow_reliability.drills.drill import run_drill
from printflow_reliability.restore.phases import Phase
from printflow_reliability.settings import load

def tell(phase):
    if phase is Phase.START:
        print("waiting", flush=True)
        time.sleep(120)

run_drill(load(Path(sys.argv[1])), tell=tell)
"""


@contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    """A file system of its own that holds so much and no more."""
    if os.geteuid() != 0:
        pytest.skip("only root mounts a file system that is small")
    with tempfile.TemporaryDirectory(prefix="pf-disk-", dir="/tmp") as directory:
        mounted = Path(directory)
        options = f"size={megabytes}m,mode=755"
        subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", options, "tmpfs", directory], check=True)
        try:
            yield mounted
        finally:
            subprocess.run(["/bin/umount", directory], check=True)


def drilling_in(settings: Settings, directory: Path, **more: object) -> Settings:
    return settings.model_copy(
        update={"drills": settings.drills.model_copy(update={"directory": directory / "drills", **more})}
    )


@pytest.mark.parametrize(
    ("seconds", "outcome"),
    [(0.2, Outcome.UNKNOWN), pytest.param(600.0, Outcome.PASS, marks=pytest.mark.exhaustive)],
    ids=["that is ended at once", "that passes"],
)
def test_a_drill_killed_while_it_tears_down_is_reaped_by_the_next_one(
    backed_up: StackSandbox, seconds: float, outcome: Outcome
) -> None:
    argv = [sys.executable, "-c", KILLED_WHILE_TEARING_DOWN, str(backed_up.config)]
    killed = subprocess.run(argv, timeout=120, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert left_behind(backed_up)
    drills = backed_up.settings.drills.model_copy(update={"phase_timeout_seconds": seconds})
    report = run_drill(backed_up.settings.model_copy(update={"drills": drills}))
    assert report.outcome is outcome, report.checks
    assert left_behind(backed_up) == []
    before = list_drills(backed_up.settings)[1]
    assert (before["outcome"], before["passed"]) == (Outcome.UNKNOWN, False)
    assert before["finished_at"] is not None
    unproven = {check["name"] for check in before["checks"] if check["outcome"] != Outcome.PASS}
    assert unproven == {"drill.isolation"}  # all else was recorded before the clones were removed


def test_a_drill_killed_when_its_marker_was_gone_left_nothing_but_that_directory_and_it_is_reaped(
    backed_up: StackSandbox,
) -> None:
    argv = [sys.executable, "-c", KILLED_AS_ITS_MARKER_WENT, str(backed_up.config)]
    killed = subprocess.run(argv, timeout=120, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    (place,) = backed_up.settings.drills.directory.iterdir()
    assert list(place.iterdir()) == []
    assert reap(backed_up.settings.drills.directory) == (int(place.name),)
    assert left_behind(backed_up) == []


def test_a_disk_that_is_too_small_is_known_before_anything_is_fetched(backed_up: StackSandbox) -> None:
    heard: list[Phase] = []
    with small_disk(40) as disk:
        report = run_drill(drilling_in(backed_up.settings, disk), tell=heard.append)
        assert list((disk / "drills").iterdir()) == []
    assert heard == [Phase.FIND]
    assert report.outcome is Outcome.UNKNOWN
    assert "the clones need" in detail(report, "drill.recovery")
    assert "are free" in detail(report, "drill.recovery")


def test_a_disk_that_fills_up_meanwhile_is_named_and_cleared(backed_up: StackSandbox) -> None:
    earlier = list_drills(backed_up.settings)
    with small_disk(700) as disk:

        def tell(phase: Phase) -> None:
            if phase is Phase.FETCH:
                ballast = disk / "ballast"
                with ballast.open("wb") as file:
                    os.posix_fallocate(file.fileno(), 0, 690 * 1024**2)

        report = run_drill(drilling_in(backed_up.settings, disk), tell=tell)
        assert [path.name for path in disk.iterdir() if path.name != "drills"] == ["ballast"]
        assert list((disk / "drills").iterdir()) == []
        assert list(processes_in(disk)) == []
    assert report.outcome is Outcome.UNKNOWN
    assert re.search(DISK_FULL, detail(report, "drill.recovery"))
    assert outcomes(report)["drill.isolation"] is Outcome.PASS
    assert list_drills(backed_up.settings)[1:] == earlier[:99]


def test_a_disk_that_fills_up_during_a_recovery_is_named_and_cleared(backed_up: StackSandbox) -> None:
    with small_disk(700) as disk:

        def tell(phase: Phase, _: str) -> None:
            if phase is Phase.FETCH:
                with (disk / "ballast").open("wb") as file:
                    os.posix_fallocate(file.fileno(), 0, 690 * 1024**2)

        with pytest.raises(CouldNotTell, match=DISK_FULL):
            recover(backed_up.settings, Target("latest"), disk / "recovered", repository=1, tell=tell)
        assert [path.name for path in disk.iterdir()] == ["ballast"]
        assert list(processes_in(disk)) == []


def test_recovering_onto_a_full_disk_says_so_and_leaves_nothing(
    backed_up: StackSandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    with small_disk(4) as disk:
        into = disk / "recovered"
        with pytest.raises(CouldNotTell, match=r"the clones need [\d,]+ bytes below .*, and only [\d,]+ are free"):
            recover(backed_up.settings, Target("latest"), into, repository=1, tell=lambda *_: None)
        assert not into.exists()
        with (disk / "ballast").open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize)
        assert run(["--config", str(backed_up.config), "recover", "--to", "latest", "--into", str(into)]) == 2
        told = capsys.readouterr().err
        assert f"{into} cannot be written to: No space left on device" in told
        assert "next: make room, or name another directory" in told
        assert not into.exists()


def test_a_phase_that_takes_longer_than_it_may_is_ended_and_named(backed_up: StackSandbox) -> None:
    drills = backed_up.settings.drills.model_copy(update={"phase_timeout_seconds": 0.2})
    report = run_drill(backed_up.settings.model_copy(update={"drills": drills}))
    assert report.outcome is Outcome.UNKNOWN
    assert "fetch broke off" in detail(report, "drill.indexes")
    assert "0.2 s" in detail(report, "drill.indexes") or "0 s" in detail(report, "drill.indexes")
    assert left_behind(backed_up) == []


def test_a_replay_that_gets_on_too_slowly_is_ended_when_its_time_is_over(
    backed_up: StackSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The replay's own command: it works, and takes too long.
    monkeypatch.setattr(
        "printflow_reliability.restore.clones.configuration.SERVER", {**SERVER, "restore_command": "sleep 60"}
    )
    monkeypatch.setattr(
        "printflow_reliability.restore.clones.configuration.RECOVERY_SETTING", re.compile(r"recovery_target\w*\s*=")
    )
    drills = backed_up.settings.drills.model_copy(update={"phase_timeout_seconds": 15.0})
    began = time.monotonic()
    report = run_drill(backed_up.settings.model_copy(update={"drills": drills}))
    assert time.monotonic() - began < 60
    assert outcomes(report)["drill.recovery"] is Outcome.UNKNOWN
    assert "start broke off: the clone of" in detail(report, "drill.recovery")
    assert "server did not start in time" in detail(report, "drill.recovery")
    assert left_behind(backed_up) == []


def test_a_second_drill_of_another_process_is_told_who_is_drilling(
    backed_up: StackSandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = [sys.executable, "-c", WAITING, str(backed_up.config)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as first:
        try:
            assert first.stdout is not None
            assert first.stdout.readline() == "waiting\n"
            assert run(["--config", str(backed_up.config), "drill", "run"]) == 2
            told = capsys.readouterr().err
            assert re.search(r"another restore drill is running \(database session \d+, since \d\d:\d\d", told), told
            assert left_behind(backed_up)  # the second one took nothing away from the first
        finally:
            first.terminate()
    assert left_behind(backed_up) == []


def test_a_directory_that_somebody_put_where_the_clones_go_is_left_alone(
    backed_up: StackSandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    place = backed_up.settings.drills.directory / str(list_drills(backed_up.settings)[0]["id"] + 1)
    place.mkdir(parents=True)
    (place / "theirs").write_text("do not delete")
    try:
        assert run(["--config", str(backed_up.config), "drill", "run"]) == 2
        assert f"{place} exists already" in capsys.readouterr().err
        assert (place / "theirs").read_text() == "do not delete"
    finally:
        (place / "theirs").unlink()
        place.rmdir()


def test_a_tenant_that_the_clone_does_not_know_is_named(
    backed_up: StackSandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    moment = archived_moment(backed_up)
    unknown_tenant = str(uuid4())
    assert run(["--config", str(backed_up.config), "tenant", "restore", unknown_tenant, "--to", moment, "--json"]) == 2
    streams = capsys.readouterr()
    assert f'there is no tenant "{unknown_tenant}"' in streams.err + json.dumps(streams.out)
    assert left_behind(backed_up) == []


def test_a_table_of_tenants_that_cannot_tell_whose_its_rows_are_is_named(
    backed_up: StackSandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    moment = archived_moment(backed_up)
    tenant = tenants(backed_up.settings)[0].id
    key = 'restore_url = "file:secrets/live_db.restore.url"'
    with configured(backed_up, key, f'tables = ["orders", "heartbeats"]\n{key}') as wrong:
        text = output_of(wrong, ("tenant", "restore", tenant, "--to", moment), capsys)
    assert 'tenancy.tables[1]: "heartbeats" has neither the column tenant_id nor a foreign key' in text
    assert "add the column, or leave the table out" in text
    assert left_behind(backed_up) == []
