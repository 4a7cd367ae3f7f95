"""`[pdf]`: limits of inspecting a PDF, and the print rules."""

from pydantic import Field

from printflow_reliability.settings.section import Section


class PdfSettings(Section):
    """Inspection of print-ready PDFs: limits of the isolated worker, and the rules that a printable file obeys.

    A file that is sound but breaks a rule is unprintable. A change of the rules has every file inspected again.
    """

    max_bytes: int = Field(
        default=512 * 1024**2, gt=0, description="Size in bytes above which a file is unusable without being opened."
    )
    max_pages: int = Field(default=2000, gt=0, description="Number of pages above which a file is unusable.")
    timeout_seconds: float = Field(
        default=30,
        gt=0,
        description="Processor time that one inspection may take; a file that needs more is unusable. On a machine "
        "that is too busy to grant it, the verdict is unknown.",
    )
    memory_bytes: int = Field(
        default=1024**3,
        gt=0,
        description="Memory that the worker may use. Raise it where large, sound files need more.",
    )
    min_dpi: float = Field(
        default=0,
        ge=0,
        description="Lowest resolution of an image at its printed size, in dots per inch; less is asked of large "
        "posters. 0 asks nothing.",
    )
    require_embedded_fonts: bool = Field(
        default=False, description="Whether every font that text is shown with must be embedded."
    )
    require_trim_box: bool = Field(
        default=False, description="Whether every page must have a trim box, which says where the sheet is cut."
    )
