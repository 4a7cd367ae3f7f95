"""Orphans moved aside so that they can come back: a verified copy, a row of the manifest, then a delete marker."""
