"""printflow alerts test shows a person on call whether Sentry takes an event; a command's defect reaches it."""

import json
from pathlib import Path

import pytest
import typer

from printflow_reliability import cli
from printflow_reliability_tests.alerts.planted import NAMES, PERSONAL, everything, leaks
from printflow_reliability_tests.alerts.sentry.configured import ROUTES, SECRETS
from printflow_reliability_tests.alerts.sentry.server import SentryServer, sentry_server
from printflow_reliability_tests.alerts.service import Answer, answering
from printflow_reliability_tests.minimal_configuration import CONFIG


def configuration(folder: Path, dsn: str, routes: str = "") -> str:
    path = folder / "printflow.toml"
    path.write_text(f'{CONFIG}\n[sentry]\ndsn = "{dsn}"\n{routes}', encoding="utf-8")
    return str(path)


def route(port: int) -> str:
    return f'[[alert_route]]\nname = "pager"\nurl = "http://127.0.0.1:{port}/hook"\n'


def test_a_sentry_that_takes_the_event_is_told_so(
    tmp_path: Path, server: SentryServer, capsys: pytest.CaptureFixture[str]
) -> None:
    with answering(Answer(202)) as pager:
        config = configuration(tmp_path, server.dsn, route(pager.server_port))
        assert cli.run(["--config", config, "alerts", "test"]) == 0
        assert "Sentry  took it" in capsys.readouterr().out
        assert cli.run(["--config", config, "alerts", "test", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"ok": True, "routes": {"pager": None}, "sentry": None}
    assert len(server.inbox.of_kind("event")) == 2


def test_a_sentry_that_refuses_it_needs_a_person(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(Answer(202)) as pager, sentry_server(403) as refusing:
        config = configuration(tmp_path, refusing.dsn, route(pager.server_port))
        assert cli.run(["--config", config, "alerts", "test", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["sentry"] == "it answered 403"


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command with a defect, whose message holds everything that nobody may see."""

    def runbook(ctx: typer.Context) -> None:
        from printflow_reliability.console import invocation

        invocation(ctx).settings()
        row = everything(SECRETS)
        try:
            int(row)
        except ValueError as wrong:
            raise RuntimeError(f"cannot write the runbook of {row}") from wrong

    monkeypatch.setattr("printflow_reliability.runbook.commands.runbook_command", runbook)
    monkeypatch.setattr(cli, "_commands", lambda: typer.main.get_command(cli.app))  # put together anew


@pytest.mark.usefixtures("failing")
def test_a_defect_of_a_command_reaches_sentry_and_nobodys_data_goes_anywhere(
    tmp_path: Path, server: SentryServer, capfd: pytest.CaptureFixture[str]
) -> None:
    config = configuration(tmp_path, server.dsn, ROUTES)
    assert cli.run(["--config", config, "--verbose", "runbook"]) == 2

    said = capfd.readouterr()
    assert "unexpected RuntimeError: cannot write the runbook of " in said.err
    assert leaks(said.out + said.err, SECRETS) == []
    (event,) = server.inbox.of_kind("event")
    assert [value["type"] for value in event["exception"]["values"]] == ["ValueError", "RuntimeError"]
    assert leaks(server.inbox.raw, SECRETS) == []


@pytest.mark.usefixtures("failing")
@pytest.mark.parametrize("fault", ["none", "hang"])
def test_the_exit_code_is_the_same_whatever_becomes_of_sentry(
    tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("printflow_reliability.alerts.sentry.transport.BoundedTransport.TIMEOUT", 0.2)
    with sentry_server(500, fault="hang" if fault == "hang" else "none") as unwell:
        assert cli.run(["--config", configuration(tmp_path, unwell.dsn), "runbook"]) == 2


def test_what_is_planted_here_holds_data_of_every_kind() -> None:
    assert all(text in everything(SECRETS) for text in (*NAMES, *PERSONAL, *SECRETS))
