"""The runbook as people read it."""

from pathlib import Path

import pytest

from printflow_reliability.runbook import render
from printflow_reliability.runbook.names import Facts, Names
from printflow_reliability.runbook.scenarios import scenarios
from printflow_reliability.settings import Settings
from printflow_reliability_tests.dumps.keys import PUBLIC

REDIS = "redis://:hunter2@localhost"
BRANCHES = {
    *("ransomware", "empty-machine", "region-lost", "cluster-lost", "migration-failed"),
    *("bad-deploy", "table-dropped", "tenant-deleted", "bucket-damaged"),
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    config = tmp_path / "pgbackrest.conf"
    config.write_text("[live_db]\npg1-path=/var/lib/postgresql/15/live\n")
    document = {
        "platform": {"name": "Print-Flow-360"},
        "records": {"url": "postgresql://records"},
        "programs": {"postgres_bin": "/usr/lib/postgresql/15/bin"},
        "cluster": [
            {
                "name": "live_db",
                "url": "postgresql://live:very-secret@db/live_db",
                "pgbackrest_config": str(config),
                "repositories": [1, 2],
                "start_command": "systemctl start postgresql@15-live",
            }
        ],
        "bucket": [{"name": "print-files", "bucket": "print-files"}],
        "tenancy": {"cluster": "live_db", "tenants": "SELECT 1"},
        "reference": [
            {"name": "r", "cluster": "live_db", "bucket": "print-files", "kind": "proof", "query": "SELECT 1"}
        ],
        "orders": {"cluster": "live_db", "bucket": "print-files", "paid": "SELECT 1"},
        "drills": {"manual_step": [{"name": "point DNS"}]},
        "runbook": {"directory": "/recovery", "call_tree": ["on call", "founder"]},
    }
    return Settings.model_validate(document)


def names(settings: Settings, facts: Facts | None = None) -> Names:
    return Names(settings, Path("/etc/printflow.toml"), facts or Facts())


def test_every_kind_of_failure_has_a_question_in_the_tree_and_steps(settings: Settings) -> None:
    every = scenarios(names(settings))
    assert set(every) == BRANCHES
    tree = render.whole(settings, every)
    assert all(f"printflow runbook {name}" in tree for name in BRANCHES)
    assert "1. on call\n2. founder" in tree
    assert "nobody wrote this down yet" in tree  # the roles
    assert all(len(scenario.steps) >= 3 for scenario in every.values())


def test_the_steps_carry_this_installations_names_and_no_secret(settings: Settings) -> None:
    text = render.scenario_page(settings, scenarios(names(settings))["cluster-lost"])
    assert "printflow --config /etc/printflow.toml recover --to latest --into /recovery" in text
    assert "mv /recovery/live_db/data /var/lib/postgresql/15/live" in text
    assert "systemctl start postgresql@15-live" in text
    assert "Stop what is left of live_db in production. (by hand)" in text
    assert "point DNS (never timed)" in text
    assert "very-secret" not in text


def test_an_empty_machine_is_told_where_its_configuration_lies(settings: Settings) -> None:
    dumps = {"bucket": "print-files", "recipients": [PUBLIC]}
    document = settings.model_dump(exclude_unset=True) | {"dumps": dumps}
    document["config_backup"] = {"fingerprint_secret": "0123456789abcdef", "redis": [{"name": "jobs", "url": REDIS}]}
    configured = Settings.model_validate(document)
    every = scenarios(names(configured, Facts(identity="/safe/age key")))
    text = render.scenario_page(configured, every["empty-machine"])
    restore = "printflow config restore --bucket print-files --region us-east-1 --name main --identity '/safe/age key'"
    assert f"{restore} --into /recovery-configuration --apply" in text
    assert "cp -a /recovery-configuration/files/. /" in text
    assert "recover --to latest --into /recovery --repo 2" in text
    assert "cat /recovery-configuration/redis/jobs/*.resp | redis-cli --pipe" in text
    assert "hunter2" not in text


def test_what_the_emergency_knows_is_in_the_commands_quoted(settings: Settings) -> None:
    facts = Facts(at="2026-11-02T14:05:00Z", table="public.quo tes", tenant="7f3a", point="orders-1")
    every = scenarios(names(settings, facts))
    commands = [step.command or "" for step in (*every["table-dropped"].steps, *every["tenant-deleted"].steps)]
    back = [step.command or "" for step in every["migration-failed"].steps]
    assert any("recover --to point:orders-1 --into /recovery" in command for command in back)
    assert any("--to 2026-11-02T14:05:00Z" in command for command in commands)
    assert any("tenant restore 7f3a --to 2026-11-02T14:05:00Z --apply" in command for command in commands)
