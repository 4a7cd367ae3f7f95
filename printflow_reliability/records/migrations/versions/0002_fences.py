"""What a drill needs to know of a past fence: contents of tables, and who the cluster was."""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
