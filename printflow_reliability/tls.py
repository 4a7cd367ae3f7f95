"""Sockets of TLS clients that are closed when the server resets the connection before the handshake.

Python 3.11 and 3.12 leave such a socket open until it is collected, with a ResourceWarning; 3.13 closes it.
"""

import errno
import ssl
import sys

UNCONNECTED = (errno.ENOTCONN, errno.EINVAL)
"""With these `ssl` goes on: a socket may be wrapped before it is connected."""


class ClosingSocket(ssl.SSLSocket):
    """Closes itself where reading fails before there is a TLS session, since nobody else can: wrap_socket raises."""

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """Read at most so many bytes."""
        try:
            return super().recv(buflen, flags)
        except OSError as error:
            if error.errno not in UNCONNECTED and self.version() is None:
                self.close()
            raise


def install() -> None:
    """Use it for every TLS client of this process, where this Python needs it."""
    if sys.version_info < (3, 13):
        ssl.SSLContext.sslsocket_class = ClosingSocket
