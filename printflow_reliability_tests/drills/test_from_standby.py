"""When a drill cannot be fetched from a standby at all, which is said before anything is begun."""

import pytest
from psycopg.conninfo import conninfo_to_dict

from printflow_reliability.drills import drill
from printflow_reliability.drills.drill import run_drill
from printflow_reliability.errors import ConfigError
from printflow_reliability.settings import Settings
from printflow_reliability_tests.drills.two_clusters import settings


def with_standby(**drills: object) -> Settings:
    made = settings(**drills)
    first, *others = made.cluster
    return made.model_copy(
        update={"cluster": (first.model_copy(update={"standby": "postgresql://replica/live_db"}), *others)}
    )


@pytest.mark.parametrize(
    ("configuration", "target", "said"),
    [
        (settings(), "latest", r"no \[\[cluster\]\] names a standby"),
        (with_standby(), "longest", "a standby holds the present"),
        (with_standby(), "random", "a standby holds the present"),
        (with_standby(), "2026-11-01T12:00:00+00:00", "a standby holds the present"),
        (with_standby(ask_production=False), "latest", r"drills\.ask_production is false"),
    ],
)
def test_what_no_standby_can_give_is_refused_before_the_records_are_asked(
    configuration: Settings, target: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drill, "RecordsSession", None)
    with pytest.raises(ConfigError, match=f"--from-standby: .*{said}") as refused:
        run_drill(configuration, target=target, from_standby=True)
    assert refused.value.next_step


def test_the_standby_of_a_cluster_is_reached_by_its_own_url() -> None:
    named, unnamed = with_standby().cluster
    assert named.of_standby is not None
    assert (named.of_standby.url, named.of_standby.name) == ("postgresql://replica/live_db", "live_db (standby)")
    assert unnamed.of_standby is None


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("postgresql://a:5432,b:5433/shop", "standby"),
        ("hostaddr=10.0.0.1,10.0.0.2 dbname=shop", "standby"),
        ("postgresql://a,b/shop?target_session_attrs=prefer-standby", "prefer-standby"),
        ("postgresql://a/shop", None),
    ],
)
def test_a_url_of_several_hosts_leads_to_the_standby_among_them(url: str, wanted: str | None) -> None:
    found = with_standby().cluster[0].model_copy(update={"standby": url}).of_standby
    assert found is not None
    parts = conninfo_to_dict(found.url)
    assert parts.pop("target_session_attrs", None) == wanted
    assert parts.items() <= conninfo_to_dict(url).items()
