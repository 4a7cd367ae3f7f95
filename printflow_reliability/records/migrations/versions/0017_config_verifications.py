"""Which copies of the configuration were verified, and what was found."""

from pathlib import Path

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
