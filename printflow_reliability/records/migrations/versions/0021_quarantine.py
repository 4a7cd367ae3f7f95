"""Orphans that were moved aside, and what is known of those that were not."""

from pathlib import Path

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table, and columns of orphans."""
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
