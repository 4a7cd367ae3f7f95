"""What a recovery does about tablespaces that its backup does not know, as far as no server is needed."""

from pathlib import Path

import pytest

from printflow_reliability.backups.info import parse_tablespaces
from printflow_reliability.drills.page_lsns import older_page
from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.programs import Programs
from printflow_reliability.restore.link_watch import Link, links, may_lead
from printflow_reliability.restore.production import Production, Tablespace
from printflow_reliability.restore.tablespaces import TablespaceRules, allowed_tablespaces

PROGRAMS = Programs(run_as="root", postgres_bin=Path("/nowhere"))


def test_a_link_may_lead_inside_or_to_an_allowed_path_that_no_other_cluster_has() -> None:
    allowed, taken = {"/srv/space": "/mnt/disk"}, dict[str, str]()
    link = Link("16385", "/srv/space/", "/mnt/disk")
    assert may_lead(Link("1", "../../s", "/drills/1/a/tablespaces/s"), "/drills/1/a", "a", allowed, taken)
    assert not may_lead(Link("1", "/drills/1/ab", "/drills/1/ab"), "/drills/1/a", "a", allowed, taken)
    assert may_lead(link, "/drills/1/a", "a", allowed, taken)
    assert may_lead(link, "/drills/1/a", "a", allowed, taken)
    assert not may_lead(link, "/drills/1/b", "b", allowed, taken)
    assert not may_lead(Link("1", "/srv/space", "/mnt/other"), "/drills/1/a", "a", allowed, {})


def test_a_link_is_told_by_where_it_really_leads(tmp_path: Path) -> None:
    (tmp_path / "pg_tblspc").mkdir()
    (tmp_path / "pg_tblspc" / "16386").mkdir()
    (tmp_path / "disk").mkdir()
    (tmp_path / "space").symlink_to(tmp_path / "disk")
    (tmp_path / "pg_tblspc" / "16385").symlink_to(tmp_path / "space")
    assert links(tmp_path) == [Link("16385", str(tmp_path / "space"), str(tmp_path / "disk"))]
    with pytest.raises(FileNotFoundError):
        links(tmp_path / "gone")


@pytest.mark.parametrize(
    ("path", "problem"),
    [("relative", "is not an absolute path"), ("/no/such/place", "is not a directory"), ("/etc", "is not empty")],
)
def test_a_path_that_is_not_free_for_a_tablespace_is_refused(path: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=f"--allow-tablespace: {path} {problem}"):
        allowed_tablespaces([Path(path)], PROGRAMS)


def test_an_empty_directory_is_allowed_and_emptied_again(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()
    assert allowed_tablespaces([tmp_path / ".." / tmp_path.name], PROGRAMS) == (tmp_path,)
    (tmp_path / "PG_15_202209061").mkdir()
    TablespaceRules(allowed=[tmp_path]).empty_again()
    assert [path.name for path in tmp_path.iterdir()] == ["lost+found"]


def test_a_fence_that_was_recorded_without_tablespaces_still_loads() -> None:
    live = Production(
        *("live_db", 7, 1, "postgres", "/var/lib/live", 16 * 1024**2, 150018, {}, frozenset(), frozenset()),
        tablespaces=(Tablespace(16385, "fast", "/srv/fast"),),
    )
    document = live.as_json()
    assert Production.from_json(document) == live
    del document["tablespaces"]
    assert Production.from_json(document).tablespaces == ()


def test_the_tablespaces_of_a_backup_are_read_from_info() -> None:
    text = (
        '[{"backup": [{"label": "20261102-030000F", "tablespace": null}, '
        '{"label": "20261102-030000F_20261103-030000I", '
        '"tablespace": [{"destination": "/srv", "name": "fast", "oid": 16385}]}]}]'
    )
    assert parse_tablespaces(text, "20261102-030000F") == frozenset()
    assert parse_tablespaces(text, "20261102-030000F_20261103-030000I") == frozenset({16385})
    for wrong in ("[]", "nothing", '[{"backup": [{"label": "20261104-030000F"}]}]'):
        with pytest.raises(CouldNotTell):
            parse_tablespaces(wrong, "20261104-030000F")


def test_only_a_page_that_became_older_is_harm() -> None:
    assert older_page((10, 20, 0), (10, 25, 5, 7)) is None
    assert older_page((10, 20, 30), (10, 0)) is None
    assert older_page((10, 2**32 + 16), (10, 15)) == (
        "page 1 on disk is older than it was: its LSN went from 1/10 back to 0/F"
    )
