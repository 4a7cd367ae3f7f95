"""The sandbox's pdf-service: what it needs is named where it is not there, and its lock names no registry."""

import json
import re
import shutil
from pathlib import Path

import pytest

from printflow_reliability.sandbox import node_pdf_service


def test_what_is_missing_is_said_with_the_command_that_helps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(node_pdf_service, "LIBRARIES", tmp_path)
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/node")
    assert node_pdf_service.missing() == "its libraries are not installed: make setup"
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert node_pdf_service.missing().startswith("node is not installed: make setup")
    (tmp_path / "bullmq").mkdir()
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/node")
    assert node_pdf_service.missing() == ""


def test_its_lock_pins_every_library_by_its_content_and_names_no_registry() -> None:
    text = node_pdf_service.PROGRAM.with_name("package-lock.json").read_text(encoding="utf-8")
    packages = {name: package for name, package in json.loads(text)["packages"].items() if name}
    assert len(packages) > 10
    assert [name for name, package in packages.items() if not package["integrity"].startswith("sha512-")] == []
    assert re.findall(r"https?://[^\"]*\.tgz|\"resolved\"", text) == []
