"""Telling damaged data from every other error of a statement, by PostgreSQL's SQLSTATE.

Only damage says something of the rows on disk. A timeout, a missing permission or a function that fails says only that
the statement was not answered.
"""

import re

import psycopg

CORRUPTED = "XX"
"""The class of internal errors: data_corrupted, index_corrupted, and what a broken catalog makes of a lookup."""
FILES = frozenset({"58P01", "58030"})
"""undefined_file and io_error: a relation's file is missing, or the disk does not give a block."""
LIBRARIES = "dfmgr.c"
"""Where the server looks for the library of a function; it may be missing where all data are whole."""

LOCALES = re.compile(r"pg_locale\w*\.c")
"""Where the server asks this machine's libraries for a locale: what they do not have says nothing of the data, and the
server calls it an internal error."""
BROKEN_CATALOG = "cache lookup failed"
"""What it says there of a collation that its own catalog should have."""


def is_damage(error: psycopg.Error) -> bool:
    """Whether the server met damaged or missing data, rather than a statement that it could not run."""
    state = error.sqlstate or ""
    source = error.diag.source_file or ""
    if LOCALES.fullmatch(source):
        return (error.diag.message_primary or "").startswith(BROKEN_CATALOG)
    return state.startswith(CORRUPTED) or (state in FILES and source != LIBRARIES)
