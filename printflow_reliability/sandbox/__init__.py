"""The platform, embedded and real: a user of the product, never a part of it."""
