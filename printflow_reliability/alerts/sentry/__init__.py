"""Sentry, where it is configured: defects of this program, how long its long operations take, and cron monitors."""
