"""Alert routes with a back-off of their own, deliveries in order, acknowledgements, escalations and silences."""

from pathlib import Path

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables and columns."""
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
