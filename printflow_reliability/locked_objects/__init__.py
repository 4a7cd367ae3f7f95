"""Encrypted objects under Object Lock: sent as a stream, locked, found among versions, and decrypted whole."""
