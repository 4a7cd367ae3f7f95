"""Throwaway clusters: restored, replayed, promoted, ended, and reaped if nobody came to end them."""
