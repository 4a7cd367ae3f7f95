"""The foreign platform's configuration, saying something else for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

from printflow_reliability_tests.stack.foreign.platform import ForeignPlatform


@contextmanager
def changed(foreign: ForeignPlatform, before: str, after: str) -> Iterator[None]:
    """The configuration says something else for the block."""
    config = foreign.root / "printflow.toml"
    whole = config.read_text(encoding="utf-8")
    assert whole.count(before) == 1
    config.write_text(whole.replace(before, after), encoding="utf-8")
    try:
        yield
    finally:
        config.write_text(whole, encoding="utf-8")
