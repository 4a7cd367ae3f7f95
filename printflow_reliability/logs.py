"""The program's log on stderr, without secrets and personal data, whoever logs: libraries know neither.

What is logged holds text from outside, such as an order's number: it can neither begin a line nor move a terminal.
"""

import logging
import sys
from types import TracebackType

from printflow_reliability.defects import traced
from printflow_reliability.personal_data import without_personal_data
from printflow_reliability.redaction import redacted
from printflow_reliability.text import printable

LINE = "%(asctime)s %(levelname)s %(message)s"
ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class SafeFormatter(logging.Formatter):
    """Writes lines that hold no secret that it knows and nobody's data; errors in the program's own words."""

    def __init__(self) -> None:
        super().__init__(LINE)
        self.secrets: tuple[str, ...] = ()

    def format(self, record: logging.LogRecord) -> str:
        """The line, and the traceback where there is one."""
        record.exc_text = None  # what another handler made of it
        try:
            return self._redact(super().format(record))
        finally:
            record.exc_text = None

    def formatMessage(self, record: logging.LogRecord) -> str:
        """What is logged, on one line."""
        record.message = printable(self._redact(record.message))
        return super().formatMessage(record)

    def formatException(self, ei: ExcInfo) -> str:
        """The traceback in the program's own words."""
        return traced(ei[1], self._redact) if ei[1] is not None else ""

    def _redact(self, text: str) -> str:
        return without_personal_data(redacted(text, self.secrets))


def log_to_stderr(level: int) -> SafeFormatter:
    """Log on stderr from now on; the formatter is to be told of secrets once they are known."""
    formatter = SafeFormatter()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler])
    return formatter
