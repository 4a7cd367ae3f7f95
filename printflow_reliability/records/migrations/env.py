"""How alembic reaches the records: the url that `records.database.migrate` hands over."""

import sqlalchemy
from alembic import context

url = sqlalchemy.make_url(context.config.attributes["url"]).set(drivername="postgresql+psycopg")
engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
