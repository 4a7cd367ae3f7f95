"""What we know of the platform: its databases, tenants, paid orders, and the catalog of references to objects."""
