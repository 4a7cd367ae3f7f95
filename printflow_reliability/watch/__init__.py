"""`printflow watch`: the guard of paid orders and the outbox in one small process without Dagster."""
