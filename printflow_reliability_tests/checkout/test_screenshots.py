"""Screenshots in a directory, where there is no bucket for reports: the newest runs stay, and others' files too."""

from pathlib import Path

import pytest

from printflow_reliability.checkout.screenshots import KEPT_RUNS, keep
from printflow_reliability.errors import CouldNotTell
from printflow_reliability_tests.checkout.configured import checkout_settings


def test_the_newest_runs_stay_and_other_directories_too(tmp_path: Path) -> None:
    settings, checkout = checkout_settings()
    checkout = checkout.model_copy(update={"directory": tmp_path / "checkout"})
    (tmp_path / "checkout" / "somebody's own").mkdir(parents=True)
    picture = tmp_path / "step.png"
    picture.write_bytes(b"\x89PNG")
    for number in range(KEPT_RUNS + 2):
        kept = keep(settings, checkout, f"202611{number + 10:02d}T000000Z-1", [("Sign in / now", picture)])

    assert Path(kept["Sign in / now"]).name == "01-sign-in-now.png"
    assert Path(kept["Sign in / now"]).read_bytes() == b"\x89PNG"
    left = sorted(path.name for path in (tmp_path / "checkout").iterdir())
    assert len(left) == KEPT_RUNS + 1
    assert left[0] == "20261112T000000Z-1"


def test_a_directory_that_cannot_be_written_to_is_said(tmp_path: Path) -> None:
    settings, checkout = checkout_settings()
    (tmp_path / "checkout").write_text("a file")
    checkout = checkout.model_copy(update={"directory": tmp_path / "checkout"})
    with pytest.raises(CouldNotTell, match=r"checkout\.directory: .* cannot be written to"):
        keep(settings, checkout, "20261101T000000Z-1", [])
