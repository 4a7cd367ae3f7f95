"""How each kind of alert route is spoken to, and which of its answers means that it took the alert."""
