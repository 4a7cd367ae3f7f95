"""What `files heal` says: whole keys, counts with their nouns, and commands that can be copied."""

import subprocess
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from printflow_reliability.files.heal_command import show
from printflow_reliability.files.heal_plan import Chosen
from printflow_reliability.files.heal_report import HealAction, HealReport, HealStatus, Option
from printflow_reliability.text import shell_word

KEY = "shops/1/" + "a long folder/" * 15 + "it's one.pdf"
OPTIONS = (
    Option("files", "v1", 4_200_000, datetime(2026, 11, 2, 3, tzinfo=UTC)),
    Option("files-replica", "null", 12, datetime(2026, 11, 2, 4, tzinfo=UTC)),
)


def output_lines(capsys: pytest.CaptureFixture[str], report: HealReport, chosen: Chosen | None = None) -> list[str]:
    show(report, ("shop 1",), chosen)
    return capsys.readouterr().out.splitlines()


def action(deed: HealStatus, key: str = KEY) -> HealAction:
    options = OPTIONS if deed is HealStatus.UNDECIDED else ()
    return HealAction(deed, "files", key, "shop 1", "order 7", "why", options=options)


def test_a_person_is_given_a_command_for_each_version(capsys: pytest.CaptureFixture[str]) -> None:
    lines = output_lines(capsys, HealReport(False, [action(HealStatus.UNDECIDED), action(HealStatus.PLANNED, "b")]))
    word = shell_word(KEY)
    assert lines[0] == f"UNDECIDED       {KEY}"
    assert lines[2].endswith(f"(4.2 MB): printflow files heal --key {word} --version v1 --apply")
    assert lines[3].endswith(f"--key {word} --version null --source files-replica --apply")
    assert lines[-2] == "1 object can be brought back, 1 cannot without a person."
    assert lines[-1] == "Next: printflow files heal --tenant 'shop 1' --apply"


def test_where_several_buckets_miss_a_key_each_command_names_the_bucket(capsys: pytest.CaptureFixture[str]) -> None:
    of_another = replace(action(HealStatus.UNDECIDED), bucket="archive", options=())
    lines = output_lines(capsys, HealReport(False, [action(HealStatus.UNDECIDED), of_another]))
    assert lines[2].endswith("--version v1 --source files --bucket files --apply")


def test_counts_agree_and_a_failure_names_the_next_command(capsys: pytest.CaptureFixture[str]) -> None:
    lines = output_lines(
        capsys,
        HealReport(True, [action(HealStatus.FAILED), action(HealStatus.HEALED, "b"), action(HealStatus.HEALED, "c")]),
    )
    assert lines[-2] == "2 objects are back, 1 is not."
    assert lines[-1].endswith("run: printflow files heal --tenant 'shop 1' --apply")


def test_nothing_to_do_is_said_and_so_is_what_could_not_be_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert output_lines(capsys, HealReport(True, ())) == ["OK: no object is missing."]
    assert output_lines(capsys, HealReport(True, ()), Chosen("a b")) == ["OK: no row refers to 'a b' in vain."]
    unknown = HealReport(True, (), "1 key was refused")
    assert output_lines(capsys, unknown) == ["COULD NOT TELL whether more is missing: 1 key was refused"]
    assert unknown.exit_code == 2


@pytest.mark.parametrize("text", ["plain", "a b", "it's", "new\nline's \\ \x85 \u202e é", "$HOME `x`", ""])
def test_a_word_means_the_same_in_a_shell(text: str) -> None:
    word = shell_word(text)
    assert word.isprintable()
    ended = subprocess.run(["/bin/bash", "-c", f"printf %s {word}"], capture_output=True, check=True)
    assert ended.stdout.decode() == text
