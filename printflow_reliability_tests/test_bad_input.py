"""Whatever is wrong with its input, every command says so in a sentence and exits with 2: no traceback, no secret.

The commands are those that there are, not a list of names: a new one is tried from its first day.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from printflow_reliability.cli import run
from printflow_reliability_tests.commands import COMMANDS
from printflow_reliability_tests.hearing import HEARS_SIGNALS
from printflow_reliability_tests.platform_elsewhere import ESCAPED, configured, output_of
from printflow_reliability_tests.ports import closed_port, silent_port

PASSWORD = "hunter2@/%zz"

LIMITS = (
    "printflow_reliability.platform.connect.CONNECT_SECONDS",
    "printflow_reliability.records.database.CONNECT_SECONDS",
    "printflow_reliability.storage.clients.READ_SECONDS",
    "printflow_reliability.storage.clients.ATTEMPTS",
    "printflow_reliability.alerts.routes.sending.TIMEOUT_SECONDS",
)
"""What is waited for in earnest, shortened."""


def replaced(old: str, new: str) -> Callable[[Path], object]:
    """What changes the first such text of the file."""

    def change(config: Path) -> None:
        text = config.read_text()
        assert old in text
        config.write_text(text.replace(old, new, 1))

    return change


def directory(config: Path) -> None:
    config.unlink()
    config.mkdir()


def loop(config: Path) -> None:
    config.unlink()
    config.symlink_to(config)


def as_secret(change: Callable[[Path], object]) -> Callable[[Path], object]:
    return lambda config: change(config.with_name("secret.key"))


RECORDS = f'"postgresql://printflow:{ESCAPED}@127.0.0.1:1/records"'
BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "no file": (Path.unlink, "there is no configuration file"),
    "a directory": (directory, "cannot be read"),
    "a loop of links": (loop, "cannot be read"),
    "empty": (lambda config: config.write_text(""), "platform: is missing"),
    "not UTF-8": (lambda config: config.write_bytes(b'[platform]\nname = "\xff"\n'), "is not UTF-8"),
    "NUL": (lambda config: config.write_bytes(b"\0"), "is not TOML"),
    "not TOML": (lambda config: config.write_text("[platform"), "is not TOML"),
    "a password on a line that is not TOML": (replaced(RECORDS, RECORDS[:-1]), "is not TOML"),
    "too deep": (lambda config: config.write_text("x = " + "[" * 100_000), "is not TOML"),
    "a number for a url": (replaced(RECORDS, "5"), "records.url: "),
    "a table for a list": (replaced("[[reference]]", "[reference]"), "reference: "),
    "a word for a table": (lambda config: config.write_text("records = 'here'\n" + config.read_text()), "is not TOML"),
    "not a number": (replaced("[orders]", "[orders]\ngrace_seconds = nan"), "orders.grace_seconds: "),
    "an endless time": (replaced("[orders]", "[orders]\ngrace_seconds = inf"), "orders.grace_seconds: "),
    "a time without sense": (
        lambda config: config.write_text(config.read_text() + "[backups]\ntimeout_seconds = 1e300\n"),
        "backups.timeout_seconds: ",
    ),
    "a url without escapes": (replaced(ESCAPED, PASSWORD), "records.url"),
    "a url of something else": (replaced(RECORDS, '"mysql+x://hunter2"'), "records.url"),
    "a url with a port that is none": (replaced("127.0.0.1:1/records", "127.0.0.1:none/records"), "records.url"),
    "a url with an odd option": (replaced("1/records", "1/records?hunter2=1"), "records.url"),
    "a url with NUL": (replaced("1/records", "1/rec\\u0000ords"), "records.url"),
    "an address that is none": (replaced('endpoint_url = "https', 'endpoint_url = "hunter2'), "bucket[0].endpoint_url"),
    "an address with NUL": (replaced("1/alerts", "1/al\\u0000erts"), "alert_route[0].url"),
    "a path with NUL": (replaced('"drills"', '"dri\\u0000lls"'), "drills.directory: "),
    "a name with NUL": (replaced('"live_db"', '"live\\u0000db"'), "cluster[0].name: "),
    "a variable that is not set": (replaced(RECORDS, '"env:NO_SUCH_SECRET"'), "records.url: the environment variable"),
    "a variable without a name": (replaced(RECORDS, '"env:"'), "records.url: "),
    "a variable that cannot be": (replaced(RECORDS, '"env:A=B\\u0000"'), "records.url: "),
    "a secret that is not there": (as_secret(Path.unlink), "bucket[0].secret_access_key: the secret"),
    "a secret that is a directory": (as_secret(directory), "bucket[0].secret_access_key: the secret file"),
    "an empty secret": (as_secret(lambda file: file.write_text("\n")), "bucket[0].secret_access_key: the secret file"),
    "a secret that is not UTF-8": (
        as_secret(lambda file: file.write_bytes(b"\xff")),
        "bucket[0].secret_access_key: the secret file",
    ),
    "a secret at no path": (replaced("file:secret.key", "file:se\\u0000cret"), "bucket[0].secret_access_key: "),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_configuration_that_cannot_be_used_is_said_by_every_command(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = configured(tmp_path)
    spoil, what = BROKEN[kind]
    spoil(config)
    for command in COMMANDS:
        code, text = output_of(config, command, capsys)
        assert code == 2, (command, text)
        assert what in text, (command, text)
        assert len(text) < 600, text


def test_the_configuration_of_these_tests_is_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, text = output_of(configured(tmp_path), "runbook", capsys)
    assert code == 0, text


NEEDS_NO_SERVER = {"runbook": 0, "alerts test": 1, "copies": 1}
"""The exit codes of commands whose answer needs none: what to do in an emergency, whether the routes take alerts, and
that no copy is locked where no dumps are configured."""


@pytest.mark.parametrize(
    ("port", "commands"),
    [
        (closed_port, COMMANDS),
        # Each waits for a limit of whole seconds, which most of them reach in the same place.
        pytest.param(silent_port, COMMANDS[::4], marks=pytest.mark.stack),
        pytest.param(silent_port, COMMANDS, marks=(pytest.mark.stack, pytest.mark.exhaustive)),
    ],
    ids=["closed_port", "silent_port", "silent_port-every_command"],
)
def test_servers_that_are_away_or_silent_are_said_by_every_command(
    port: Callable[[], AbstractContextManager[int]],
    commands: Sequence[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for limit in LIMITS:
        monkeypatch.setattr(limit, 1)
    with port() as number:
        config = configured(tmp_path, number)
        for command in commands:
            began = time.monotonic()
            code, text = output_of(config, command, capsys)
            assert code == NEEDS_NO_SERVER.get(command, 2), (command, text)
            assert time.monotonic() - began < 30, command


def test_a_disk_that_is_full_is_said_and_no_defect(tmp_path: Path) -> None:
    program = "from printflow_reliability.cli import main; main()"
    argv = [sys.executable, "-c", program, "--config", str(configured(tmp_path)), "runbook"]
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(argv, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    assert ended.stderr == (
        "printflow: No space left on device\nnext: free space on that file system (df -h), then run the command again\n"
    )
    assert ended.returncode == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.stack
def test_a_command_that_is_interrupted_says_so_and_did_not_do_it(tmp_path: Path, number: signal.Signals) -> None:
    config = tmp_path / "printflow.toml"
    os.mkfifo(config)  # it waits for what nobody writes
    program = HEARS_SIGNALS.replace("main()", "print('here', flush=True)\nmain()")
    argv = [sys.executable, "-c", program, "--config", str(config), "runbook", "--json"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as waiting:
        assert waiting.stdout is not None
        assert waiting.stdout.readline() == "here\n"
        time.sleep(1)
        waiting.send_signal(number)
        out, err = waiting.communicate(timeout=60)
    assert (waiting.returncode, err) == (2, "printflow: interrupted\n")
    assert json.loads(out) == {"error": {"what": "interrupted", "next": ""}}


def test_signals_that_are_ignored_or_handled_stay_so_and_others_are_put_back(tmp_path: Path) -> None:
    argv = ["--config", str(tmp_path / "nowhere.toml"), "runbook"]
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    try:
        for kept in (signal.SIG_DFL, signal.SIG_IGN, signal.default_int_handler):
            for number in numbers:
                signal.signal(number, kept)
            assert run(argv) == 2
            assert [signal.getsignal(number) for number in numbers] == [kept, kept]
    finally:
        for number, was in zip(numbers, before, strict=True):
            signal.signal(number, was)


@pytest.mark.parametrize("until", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00"])
def test_a_time_beyond_all_calendars_is_said(until: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["orders", "override", "7", "--reason", "approved by phone", "--until", until]
    assert run(["--config", str(configured(tmp_path)), *command]) == 2
    assert f"the time {until} is beyond the calendar" in capsys.readouterr().err


def test_a_person_without_a_name_is_not_taken_for_the_user_who_runs_this(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("printflow_reliability.alerts.commands.open_records", lambda _: nullcontext())
    silence = ["alerts", "silence", "k", "--for", "2h", "--reason", "maintenance", "--by", ""]
    for command in (["alerts", "ack", "k", "--by", ""], silence):
        assert run(["--config", str(configured(tmp_path)), *command]) == 2
        assert "needs a person" in capsys.readouterr().err


@pytest.mark.parametrize("mistaken", [True, False])
def test_an_argument_in_another_encoding_is_said_and_no_defect(
    mistaken: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def encoded(_: object, key: str, *__: object) -> None:
        (key if mistaken else "\udcff").encode()

    monkeypatch.setattr("printflow_reliability.alerts.commands.open_records", lambda _: nullcontext())
    monkeypatch.setattr("printflow_reliability.alerts.commands.acknowledge_alert", encoded)
    key = "b\udce4r" if mistaken else "key"
    assert run(["--config", str(configured(tmp_path)), "alerts", "ack", key, "--by", "me"]) == 2
    said = capsys.readouterr().err
    assert ("is no text in UTF-8" in said) == mistaken
    assert ("this is a defect" in said) != mistaken


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_program_that_is_interrupted_while_it_is_loaded_says_so(number: signal.Signals) -> None:
    program = f"""
import os, signal, sys
from importlib.abc import MetaPathFinder

class Interrupted(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "printflow_reliability.cli":
            os.kill(os.getpid(), {int(number)})

for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL if number != signal.SIGINT else signal.default_int_handler)
sys.meta_path.insert(0, Interrupted())
from printflow_reliability.entry import main
main()
"""
    argv = [sys.executable, "-c", program, "orders", "held", "--json"]
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, ended.stderr) == (2, "printflow: interrupted\n")
    assert json.loads(ended.stdout) == {"error": {"what": "interrupted", "next": ""}}
