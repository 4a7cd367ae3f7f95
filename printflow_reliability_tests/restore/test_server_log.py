"""What of a clone's server log is quoted to a person."""

from printflow_reliability.restore.clones.server_log import relevant_lines

AT = "2026-11-25 09:59:23.867 UTC [1062]"
HARMFUL = f"""\
{AT} LOG:  starting PostgreSQL 15.14
{AT} LOG:  database system was interrupted; last known up at 2026-11-25 09:00:00 UTC
{AT} FATAL:  could not locate required checkpoint record
{AT} HINT:  If you are restoring from a backup, touch "/data/recovery.signal" and add required recovery options.
\tIf you are not restoring from a backup, try removing the file "/data/backup_label".
\tBe careful: removing "/data/backup_label" will result in a corrupt cluster if restoring from a backup.
{AT} LOG:  startup process (PID 1063) exited with exit code 1
"""
COMMAND = f"""\
{AT} LOG:  restored log file "000000010000000000000003" from archive
ERROR: [103]: unable to find a valid repository:
       repo1: [FileOpenError] unable to load info file
       HINT: has a stanza-create been performed?
{AT} FATAL:  the database system is starting up
{AT} FATAL:  could not set permissions on directory "/srv/fast": Read-only file system
{AT} HINT:  Create this directory for the tablespace before restarting the server.
{AT} CONTEXT:  WAL redo at 0/5000028 for Tablespace/CREATE: 16390 "/srv/fast"
"""


def test_causes_are_quoted_and_advice_that_destroys_a_restored_cluster_is_not() -> None:
    assert relevant_lines(HARMFUL) == f"{AT} FATAL:  could not locate required checkpoint record"


def test_what_the_restore_command_said_and_where_in_the_wal_it_was_are_quoted() -> None:
    assert relevant_lines(COMMAND).splitlines() == [
        "ERROR: [103]: unable to find a valid repository:",
        "       repo1: [FileOpenError] unable to load info file",
        f'{AT} FATAL:  could not set permissions on directory "/srv/fast": Read-only file system',
        f'{AT} CONTEXT:  WAL redo at 0/5000028 for Tablespace/CREATE: 16390 "/srv/fast"',
    ]


def test_where_nothing_went_wrong_the_last_words_are_quoted() -> None:
    usual = [f"{AT} LOG:  number {number}" for number in range(5)]
    assert relevant_lines("\n".join(usual)).splitlines() == usual[-3:]
    assert relevant_lines("") == ""


def test_of_many_causes_the_last_are_quoted() -> None:
    said = "\n".join(f"{AT} ERROR:  number {number}" for number in range(50))
    assert relevant_lines(said, most=2).splitlines() == [f"{AT} ERROR:  number 48", f"{AT} ERROR:  number 49"]


def test_an_error_of_the_servers_own_processes_is_quoted_and_one_of_a_statement_is_not() -> None:
    checkpointer = f'{AT} checkpointer ERROR:  could not fsync file "base/5/16384": No such file or directory'
    startup = f"{AT} startup FATAL:  checkpoint request failed"
    said = "\n".join(
        (
            checkpointer,
            f'{AT} client backend ERROR:  duplicate key value violates unique constraint "customers_email_key"',
            f"{AT} client backend DETAIL:  Key (email)=(jane@example.org) already exists.",
            startup,
        )
    )
    assert relevant_lines(said).splitlines() == [checkpointer, startup]
    assert relevant_lines(said.splitlines()[1]) == ""
