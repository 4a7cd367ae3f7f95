"""Settings for what never asks a server."""

import tempfile
from pathlib import Path

from printflow_reliability.settings import Settings, load
from printflow_reliability_tests.minimal_configuration import CONFIG


def minimal_settings(more: str = "") -> Settings:
    """The least that printflow.toml may say, and more of it."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "printflow.toml"
        path.write_text(CONFIG + more, encoding="utf-8")
        return load(path, {})
