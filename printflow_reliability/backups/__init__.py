"""Base backups and the WAL between them: taken by pgBackRest, and judged by what is stored rather than by its word."""
