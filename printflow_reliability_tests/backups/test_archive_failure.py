from printflow_reliability.backups.archive_failure import failure_in

LOG = """\
2026-11-24 14:00:01 UTC [7] LOG:  archive command failed with exit code 50
ERROR: [082]: unable to push WAL file '000000010000000000000012' to the archive asynchronously after 60 second(s)
2026-11-24 14:02:01 UTC [7] LOG:  archive command failed with exit code 82
2026-11-24 14:02:01 UTC [7] DETAIL:  The failed archive command was: push --password=hunter2 %p
"""


def test_the_last_failure_is_told_with_what_pgbackrest_said_and_without_the_command() -> None:
    said = failure_in(LOG)

    assert said is not None
    assert said.startswith("archive_command failed with exit code 82, after [082]: unable to push WAL file")
    assert "hunter2" not in said


def test_a_killed_command_and_a_silent_log() -> None:
    killed = 'x,"archive command was terminated by signal 9: Killed",,'

    assert failure_in(killed) == "archive_command was terminated by signal 9: Killed"
    assert failure_in("LOG:  checkpoint starting") is None
    assert failure_in("") is None
