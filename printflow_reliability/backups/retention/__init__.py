"""Which base backups are kept and which expire, and how far back WAL is kept."""
