"""When each file of the repositories was read and found good."""

from pathlib import Path

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
