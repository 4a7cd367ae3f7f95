"""Where a content stream places images, and what else it puts on the page."""

from dataclasses import dataclass, field
from math import hypot

from pikepdf import Matrix

POINTS_PER_INCH = 72
MOST_PLACEMENTS = 64
"""Places of one image that are told apart; beyond, only the largest counts."""


@dataclass(frozen=True)
class Placement:
    """One place of an image: its name, its pixels, and the matrix that maps the unit square to where it is drawn."""

    name: str
    width: int
    height: int
    matrix: Matrix

    @property
    def inches(self) -> tuple[float, float]:
        """How wide and high the image is drawn, at the scale of one point per unit."""
        matrix = self.matrix
        return hypot(matrix.a, matrix.b) / POINTS_PER_INCH, hypot(matrix.c, matrix.d) / POINTS_PER_INCH


@dataclass
class Drawing:
    """What a content stream draws, in its own space.

    Attributes:
        images: where they are placed.
        fonts: those that text is shown with and that are not embedded.
        paints: whether it puts anything on the page at all.
    """

    images: list[Placement] = field(default_factory=list)
    fonts: set[str] = field(default_factory=set)
    paints: bool = False

    def place(self, image: Placement) -> None:
        """Keep a place of an image; of very many only the largest are kept."""
        pixels = (image.name, image.width, image.height)
        same = [known for known in self.images if (known.name, known.width, known.height) == pixels]
        if any(known.matrix == image.matrix for known in same):
            return
        if len(same) >= MOST_PLACEMENTS:
            smallest = min(same, key=lambda known: sum(known.inches))
            if sum(image.inches) <= sum(smallest.inches):
                return
            self.images.remove(smallest)
        self.images.append(image)

    def add_form(self, form: "Drawing", matrix: Matrix) -> None:
        """Take over what a form draws, where a matrix puts it."""
        self.fonts |= form.fonts
        for image in form.images:
            self.place(Placement(image.name, image.width, image.height, image.matrix @ matrix))
