"""Writing a link: conflicts pass and are tried again, and a statement without its guards is a mistake of the file."""

from typing import Any

import pytest

from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.platform import order_writes
from printflow_reliability.platform.order_writes import Conflict, NewLink, ask_customer, write_link
from printflow_reliability_tests.minimal_settings import minimal_settings

SECTION = '\n[orders.repair]\nurl = "postgresql://localhost/live_db"\nlink = "{link}"\n'
LINK = "UPDATE i SET f = %(key)s WHERE o = %(order)s AND f IS NOT DISTINCT FROM %(was)s"
NEW = NewLink("7", "3", "t", None, "a.pdf", 10, "aa")


@pytest.mark.parametrize("failures", [[], [Conflict("a deadlock")], [CouldNotTell("lost"), Conflict("a deadlock")]])
def test_what_passes_is_tried_again(monkeypatch: pytest.MonkeyPatch, failures: list[Exception]) -> None:
    left = list(failures)

    def tried(*_: Any) -> bool:
        if left:
            raise left.pop(0)
        return True

    monkeypatch.setattr(order_writes, "_tried", tried)
    monkeypatch.setattr(order_writes, "PAUSE_SECONDS", 0.0)
    assert write_link(minimal_settings(SECTION.format(link=LINK)), NEW)
    left[:] = [CouldNotTell("lost")] * order_writes.TRIES
    with pytest.raises(CouldNotTell, match="lost"):
        write_link(minimal_settings(SECTION.format(link=LINK)), NEW)


@pytest.mark.parametrize("name", ["key", "order", "was"])
def test_a_link_without_a_guard_is_refused_as_the_file_is_read(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"orders\.repair\.link: holds no %\({name}\)s"):
        minimal_settings(SECTION.format(link=LINK.replace(f"%({name})s", "NULL")))


def test_what_is_not_configured_names_its_key() -> None:
    with pytest.raises(ConfigError, match=r"\[orders\.repair\] is missing"):
        write_link(minimal_settings(), NEW)
    with pytest.raises(ConfigError, match=r"orders\.repair\.ask: is missing"):
        ask_customer(minimal_settings(SECTION.format(link=LINK)), "7")
    with pytest.raises(ConfigError, match=r"orders\.repair\.ask: holds no %\(order\)s"):
        minimal_settings(SECTION.format(link=LINK) + 'ask = "UPDATE o SET s = 1"\n')
