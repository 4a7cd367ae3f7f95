"""`printflow checkout` with bad input: a sentence, the next step and exit code 2."""

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import printflow_reliability
from printflow_reliability.cli import run
from printflow_reliability_tests.checkout.configured import CHECKOUT
from printflow_reliability_tests.platform_elsewhere import configured


def said(config: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = run(["--config", str(config), "checkout"])
    streams = capsys.readouterr()
    assert "Traceback" not in streams.err
    assert streams.out == ""
    return code, streams.err


@pytest.fixture
def config(tmp_path: Path) -> Callable[[str], Path]:
    def made(more: str) -> Path:
        path = configured(tmp_path)
        path.write_text(path.read_text() + more)
        return path

    return made


def test_without_a_checkout_it_says_what_is_missing(
    config: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    code, err = said(config(""), capsys)
    assert (code, "[checkout] is missing" in err, "docs/platform/checkout.md" in err) == (2, True, True)


def test_a_browser_that_is_not_installed_is_named_with_the_command_that_installs_it(
    config: Callable[[str], Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    code, err = said(config(CHECKOUT), capsys)
    assert (code, "no browser is installed here" in err) == (2, True)
    assert "apt-get install --no-install-recommends chromium" in err

    other = CHECKOUT.replace("[checkout.test_mode]", 'browser = "/nowhere/chromium"\n[checkout.test_mode]')
    code, err = said(config(other), capsys)
    assert (code, "/nowhere/chromium is no program that can be run" in err) == (2, True)


def test_only_the_browsers_own_process_imports_playwright() -> None:
    product = Path(printflow_reliability.__file__).parent
    users = {path.stem for path in product.rglob("*.py") if re.search(r"(from|import) playwright", path.read_text())}
    assert users == {"browser", "page", "payment"}


def test_without_playwright_the_extra_is_named(
    config: Callable[[str], Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    code, err = said(config(CHECKOUT), capsys)
    assert (code, "pip install 'printflow-reliability[checkout]'" in err) == (2, True)
