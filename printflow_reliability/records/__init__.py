"""This system's own memory: drills, findings, the print-file ledger, holds, alerts, in a database of its own."""
