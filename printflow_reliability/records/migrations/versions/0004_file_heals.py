"""Which objects were brought back, and from where."""

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
