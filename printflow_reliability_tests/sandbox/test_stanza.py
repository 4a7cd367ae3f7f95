"""A stanza is made again where the archiving of a server that was killed still goes on."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from printflow_reliability.programs import ProgramFailed
from printflow_reliability.sandbox import pgbackrest
from printflow_reliability.sandbox.home import SandboxHome


class Ends:
    """pgBackRest, which ends with these codes, one after the other."""

    def __init__(self, *codes: int) -> None:
        self.left: Iterator[int] = iter(codes)
        self.calls = 0

    def run(self, argv: Sequence[str], *, timeout: float) -> None:
        self.calls += 1
        assert argv[-1] == "stanza-create"
        assert timeout
        if code := next(self.left):
            raise ProgramFailed(f"pgbackrest ended with exit code {code}", exit_code=code)


def made_with(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *codes: int) -> Ends:
    ends = Ends(*codes)
    monkeypatch.setattr(pgbackrest, "programs", lambda: ends)
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    pgbackrest.create_stanza(SandboxHome(tmp_path, tmp_path), "shop")
    return ends


def test_who_still_archives_is_waited_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert made_with(monkeypatch, tmp_path, pgbackrest.LOCK_HELD, pgbackrest.LOCK_HELD, 0).calls == 3


@pytest.mark.parametrize("code", [28, 49, 51, 103])
def test_another_error_is_said_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: int) -> None:
    with pytest.raises(ProgramFailed, match=f"exit code {code}"):
        made_with(monkeypatch, tmp_path, code, 0)


def test_who_never_ends_is_said_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pgbackrest, "LOCK_SECONDS", -1.0)
    with pytest.raises(ProgramFailed, match="exit code 50"):
        made_with(monkeypatch, tmp_path, pgbackrest.LOCK_HELD, 0)
