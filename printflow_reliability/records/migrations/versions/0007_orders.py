"""Orders that are known, overridden or odd; print files that could not be judged."""

from pathlib import Path

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables and columns."""
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
