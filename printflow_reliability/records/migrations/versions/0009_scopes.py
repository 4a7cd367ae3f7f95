"""A check's newest answer for each part that was looked at by itself."""

from pathlib import Path

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables and columns."""
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
