"""A Celery worker takes its settings from dagster.yaml, or says in two sentences what is wrong with them."""

import importlib
import sys
from pathlib import Path

import pytest

from printflow_reliability.defs.launchers.celery_runs import CeleryRuns

MODULE = "printflow_reliability.defs.launchers.celery_app"
BROKER = "redis://:secret-of-the-broker@127.0.0.1:1/9"
FRAGMENT = Path(__file__).parents[3] / "deploy" / "launchers" / "celery.yaml"


def loaded(monkeypatch: pytest.MonkeyPatch, home: Path | None, broker: str | None = BROKER) -> object:
    """The app, by the import that a worker does; no server is asked."""
    if home is None:
        monkeypatch.delenv("DAGSTER_HOME", raising=False)
    else:
        monkeypatch.setenv("DAGSTER_HOME", str(home))
    if broker is None:
        monkeypatch.delenv("PRINTFLOW_CELERY_BROKER", raising=False)
    else:
        monkeypatch.setenv("PRINTFLOW_CELERY_BROKER", broker)
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    try:
        return importlib.import_module(MODULE).app
    finally:
        sys.modules.pop(MODULE, None)


def test_a_worker_has_the_settings_of_the_launcher_and_the_task_that_runs_a_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "dagster.yaml").write_text(FRAGMENT.read_text(encoding="utf-8"), encoding="utf-8")
    app = loaded(monkeypatch, tmp_path)
    assert app.conf.broker_url == app.conf.result_backend == BROKER  # type: ignore[attr-defined]
    assert app.conf.worker_disable_prefetch is True  # type: ignore[attr-defined]
    assert app.conf.worker_max_tasks_per_child == 1  # type: ignore[attr-defined]
    assert "execute_job" in app.tasks  # type: ignore[attr-defined]
    assert CeleryRuns.__name__ in FRAGMENT.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "DAGSTER_HOME is not set"),
        ("telemetry:\n  enabled: false\n", "launches runs by DefaultRunLauncher, not by CeleryRuns"),
        ("run_launcher: 5\n", "cannot be read"),
        ("run_launcher: [\n", "cannot be read"),
    ],
)
def test_a_worker_without_these_settings_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, said: str
) -> None:
    (tmp_path / "dagster.yaml").write_text(text or "", encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        loaded(monkeypatch, None if text is None else tmp_path)
    assert ended.value.code == 2
    shown = capsys.readouterr().err
    assert said in shown
    assert "deploy/launchers/celery.yaml" in shown
    assert BROKER not in shown


def test_a_worker_without_the_address_of_its_broker_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "dagster.yaml").write_text(FRAGMENT.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        loaded(monkeypatch, tmp_path, broker=None)
    assert ended.value.code == 2
    assert "PRINTFLOW_CELERY_BROKER" in capsys.readouterr().err
