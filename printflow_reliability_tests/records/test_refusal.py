"""Records that answer and refuse are "could not tell"; what was wrong to ask of them is a defect of this program."""

import psycopg
import pytest
from psycopg import errors

from printflow_reliability.records import database
from printflow_reliability.records.database import connected, refusal
from printflow_reliability.settings import RecordsSettings


@pytest.mark.parametrize(
    "error",
    [
        errors.ReadOnlySqlTransaction,
        errors.IdleInTransactionSessionTimeout,
        errors.InsufficientPrivilege,
        errors.UndefinedTable,
        errors.UndefinedColumn,
        errors.InvalidSchemaName,
        errors.RaiseException,
        errors.DataCorrupted,
        errors.InternalError_,
    ],
)
def test_a_refusal_is_told_with_what_to_do(error: type[psycopg.DatabaseError]) -> None:
    refused = refusal(error("not today"))
    assert refused is not None
    assert refused.what == "the records database refuses: not today"
    assert refused.next_step


@pytest.mark.parametrize(
    "error", [errors.SyntaxError, errors.UniqueViolation, errors.NotNullViolation, errors.InvalidTextRepresentation]
)
def test_what_was_wrong_to_ask_stays_a_defect(
    error: type[psycopg.DatabaseError], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Open:
        def __enter__(self) -> None: ...

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(database, "connect", lambda _: Open())
    with pytest.raises(error), connected(RecordsSettings(url="postgresql://localhost/records")):
        raise error("our mistake")
