"""Which objects were brought back without a person, and uploads in parts that were begun for an object."""

from pathlib import Path

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and the table."""
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
