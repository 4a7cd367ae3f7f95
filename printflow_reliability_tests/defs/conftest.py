"""Dagster's own migrations are read once, and not anew for every instance that a test makes."""

from collections.abc import Iterator

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory


@pytest.fixture(scope="session", autouse=True)
def _migrations_read_once() -> Iterator[None]:
    read, known = ScriptDirectory.from_config, dict[str | None, ScriptDirectory]()

    def kept(config: Config) -> ScriptDirectory:
        where = config.get_alembic_option("script_location")
        if where not in known:
            known[where] = read(config)
        return known[where]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScriptDirectory, "from_config", kept)
        yield
