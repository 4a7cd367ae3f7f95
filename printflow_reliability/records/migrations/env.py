"""How alembic reaches the records: the connection string that `records.migration.migrate` hands over, read by libpq."""

import psycopg
import sqlalchemy
from alembic import context

url = context.config.attributes["url"]
engine = sqlalchemy.create_engine(
    "postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=sqlalchemy.NullPool
)
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
