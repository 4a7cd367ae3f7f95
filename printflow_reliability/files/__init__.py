"""Files: every reference of the database against the buckets, and what is wrong with either side."""
