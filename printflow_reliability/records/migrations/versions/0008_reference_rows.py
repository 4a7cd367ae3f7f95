"""How many rows each reference query returned for each tenant."""

from pathlib import Path

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables and columns."""
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
