"""The HTTP endpoints that the platform asks before it goes on (`printflow serve`)."""
