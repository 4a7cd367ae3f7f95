"""The sandbox's generated secrets and its certificate authority, made once and kept."""

import secrets
import ssl

import pyrage

from printflow_reliability.sandbox.home import SandboxHome, programs, write

IDENTITIES = ("admin", "app", "backup", "drill", "printflow", "audit", "dumps", "dagster", "break-glass", "recovery")
"""Who may sign in to the S3 servers."""
ROLES = ("platform_app", "printflow", "printflow_repair", "records", "dagster")
"""Who may sign in to the clusters with a password."""
NAMES = (
    *(f"{role}.password" for role in ROLES),
    *(f"s3-{identity}.key" for identity in IDENTITIES),
    *(f"s3-{identity}.secret" for identity in IDENTITIES),
    "pgbackrest.passphrase",
    "redis.password",
    "redis.watcher",
    "receiver.token",
    "pdf-service.token",
    "storefront.password",
    "http.token",
    "config.fingerprints",
)


def prepare(home: SandboxHome) -> None:
    """Make what is missing; what exists stays, since the data on disk is encrypted with it."""
    for name in NAMES:
        file = home.path("secrets", name)
        if not file.exists():
            write(file, secrets.token_hex(10 if name.endswith(".key") else 24) + "\n", mode=0o600)
    if not home.path("secrets", "dumps.identity").exists():
        write(home.path("secrets", "dumps.identity"), f"{pyrage.x25519.Identity.generate()}\n", mode=0o600)
    if not all(home.path("certs", name).exists() for name in ("ca.pem", "server.pem", "server.key")):
        _certificates(home)


def dump_recipient(home: SandboxHome) -> str:
    """The public key that the sandbox's dumps are encrypted for."""
    return str(pyrage.x25519.Identity.from_str(home.secret("dumps.identity")).to_public())


def trust(home: SandboxHome) -> ssl.SSLContext:
    """TLS that trusts the sandbox's own authority and nobody else."""
    return ssl.create_default_context(cafile=str(home.path("certs", "ca.pem")))


def _certificates(home: SandboxHome) -> None:
    import trustme  # of the extra `sandbox`: without it, commands say so instead of failing as they are loaded

    authority = trustme.CA(organization_name="printflow sandbox")
    certificate = authority.issue_cert("localhost", "127.0.0.1", "::1")
    chain = "".join(blob.bytes().decode() for blob in certificate.cert_chain_pems)
    write(home.path("certs", "ca.pem"), authority.cert_pem.bytes().decode(), mode=0o644)
    write(home.path("certs", "server.pem"), chain, mode=0o644)
    write(
        home.path("certs", "server.key"),
        certificate.private_key_pem.bytes().decode(),
        mode=0o600,
        owner=programs(),
    )
