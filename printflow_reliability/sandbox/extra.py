"""What the sandbox needs beyond the product: the packages of the extra `sandbox`."""

from importlib.util import find_spec

from printflow_reliability.errors import ConfigError

PACKAGES = {"reportlab": "reportlab", "trustme": "trustme"}
"""Each module that only the sandbox imports, and the package that brings it."""


def require() -> None:
    """Raises:
    ConfigError: a package of the extra is not installed.
    """
    missing = [package for module, package in PACKAGES.items() if find_spec(module) is None]
    if missing:
        raise ConfigError(
            f"the sandbox needs Python packages that are not installed here: {', '.join(missing)}",
            "pip install 'printflow-reliability[sandbox]'",
        )
