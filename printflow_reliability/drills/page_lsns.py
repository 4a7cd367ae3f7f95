"""The LSNs of a table's pages as they lie on disk, whatever production holds in its memory.

A server writes a page out only after the WAL that changed it, and never writes an older one over a newer one.
"""

from collections.abc import Sequence

import psycopg

MAY_READ = "SELECT has_function_privilege('pg_read_binary_file(text, bigint, bigint, boolean)', 'EXECUTE')"
HEADERS = """
SELECT string_agg(substring(file.bytes FROM page * size.of_page + 1 FOR 20), '' ORDER BY page), size.of_page
FROM (SELECT pg_read_binary_file(%s, 0, %s, true) AS bytes OFFSET 0) AS file,
     (SELECT current_setting('block_size')::int AS of_page OFFSET 0) AS size,
     generate_series(0, length(file.bytes) / size.of_page - 1) AS page
GROUP BY size.of_page
"""
HEADER_BYTES = 20
LSN_BYTES = 8
LAYOUT = slice(18, 20)
"""The page's size, and in the low byte the version of its layout."""


def page_lsns(connection: psycopg.Connection, file: str, most_bytes: int) -> tuple[int, ...] | None:
    """The LSN of each page of a file, 0 for a page without a header that we understand (new, or zeroed).

    Args:
        connection: to the cluster.
        file: as pg_relation_filepath names it.
        most_bytes: how far to read.

    Returns:
        The LSNs in order; None if the role may not read files.
    """
    may = connection.execute(MAY_READ).fetchone()
    if not (may and may[0]):
        return None
    row = connection.execute(HEADERS, (file, most_bytes)).fetchone()
    if row is None:
        return ()
    headers, page_bytes = bytes(row[0]), row[1]
    pages = [headers[start : start + HEADER_BYTES] for start in range(0, len(headers), HEADER_BYTES)]
    return tuple(_lsn(page, page_bytes) for page in pages)


def older_page(before: Sequence[int], after: Sequence[int]) -> str | None:
    """Which page became older, as a phrase; None if none did."""
    for number, (then, now) in enumerate(zip(before, after, strict=False)):
        if 0 < now < then:
            return f"page {number} on disk is older than it was: its LSN went from {_text(then)} back to {_text(now)}"
    return None


def _lsn(header: bytes, page_bytes: int) -> int:
    layout = int.from_bytes(header[LAYOUT], "little")
    if layout & 0xFF00 != page_bytes & 0xFF00 or not layout & 0xFF:
        return 0
    return int.from_bytes(header[:4], "little") << 32 | int.from_bytes(header[4:LSN_BYTES], "little")


def _text(lsn: int) -> str:
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"
