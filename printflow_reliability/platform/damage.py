"""Telling damaged data from every other error of a statement, by PostgreSQL's SQLSTATE.

Only damage says something of the rows on disk. A timeout, a missing permission or a function that fails says only that
the statement was not answered.
"""

import psycopg

CORRUPTED = "XX"
"""The class of internal errors: data_corrupted, index_corrupted, and what a broken catalog makes of a lookup."""
FILES = frozenset({"58P01", "58030"})
"""undefined_file and io_error: a relation's file is missing, or the disk does not give a block."""
LIBRARIES = "dfmgr.c"
"""Where the server looks for the library of a function; it may be missing where all data are whole."""


def is_damage(error: psycopg.Error) -> bool:
    """Whether the server met damaged or missing data, rather than a statement that it could not run."""
    state = error.sqlstate or ""
    return state.startswith(CORRUPTED) or (state in FILES and error.diag.source_file != LIBRARIES)
