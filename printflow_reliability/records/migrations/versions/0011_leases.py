"""Who is on duty, and what was taken over from a spool."""

from pathlib import Path

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
