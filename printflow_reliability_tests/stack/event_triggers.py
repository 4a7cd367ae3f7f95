"""The events that triggers of a whole database are called at."""

EVENTS = ("ddl_command_start", "ddl_command_end", "sql_drop", "table_rewrite", "login")
"""The last one since version 17."""
