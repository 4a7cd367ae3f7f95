"""Heals that were begun: a heal that was killed after it wrote is known too; and what was read in vain."""

from pathlib import Path

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let a row be there before its object is, and add the table."""
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
