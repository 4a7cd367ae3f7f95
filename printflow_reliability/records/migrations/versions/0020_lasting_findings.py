"""Findings of reconciliations that last from pass to pass, and those that a person has acknowledged."""

from pathlib import Path

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
