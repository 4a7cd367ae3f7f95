"""How runs reach other machines, where Dagster's own launchers need more: named in dagster.yaml, never loaded else."""
