"""Tenants' rows in every kind of table, in two databases of a plain cluster."""
