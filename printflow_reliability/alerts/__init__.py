"""Who hears of what is wrong: an outbox in the records, its delivery to routes, and what a check's answer leads to."""
