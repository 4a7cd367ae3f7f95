"""Whether a reference query reads a column, told from its text; in doubt it does.

PostgreSQL itself tells what a query depends on only of a view that was created, which a read-only session cannot do.
"""

import re
from collections.abc import Collection, Iterable

from printflow_reliability.platform.columns import Column

WORD = re.compile(r"\w+")


class Queries:
    """The reference queries of one database."""

    def __init__(self, queries: Iterable[str], views: Collection[str]) -> None:
        """Args: the queries' text, and the names of views, behind which any table may be."""
        self._texts = [(query, {word.lower() for word in WORD.findall(query)}) for query in queries]
        self._views = {name.lower() for name in views}

    def read(self, column: Column) -> bool:
        """Whether any of them may read this column."""
        return any(self._reads(query, words, column) for query, words in self._texts)

    def _reads(self, query: str, words: set[str], column: Column) -> bool:
        if words & self._views:
            return True
        table, name = (set(map(str.lower, WORD.findall(text))) for text in (column.relation, column.name))
        return table <= words and (name <= words or "*" in query)
