"""The graphics state while a content stream is read: the matrix, the font and how text is shown."""

from dataclasses import dataclass, field, replace
from typing import Any

from pikepdf import Matrix, Name

from printflow_reliability.pdf.content import Operands
from printflow_reliability.pdf.resources import Resources


@dataclass
class GraphicsState:
    """The part of the graphics state that is followed; `font` is None where none is set, or once it was looked at."""

    ctm: Matrix = field(default_factory=Matrix)
    font: Any = None
    mode: int = 0


class StateStack:
    """The state that an instruction finds, and those that were saved before."""

    def __init__(self) -> None:
        self.now = GraphicsState()
        self._saved: list[GraphicsState] = []

    def follow(self, what: bytes, operands: Operands, resources: Resources) -> bool:
        """Whether an instruction was one that sets the state; it is set then."""
        if what == b"q":
            self._saved.append(replace(self.now))
        elif what == b"Q":
            self.now = self._saved.pop() if self._saved else self.now
        elif what == b"cm":
            self.now.ctm = Matrix(*(float(number) for number in operands[-6:])) @ self.now.ctm
        elif what == b"Tf":
            self.now.font = resources.find(Name.Font, operands[-2]) or operands[-2]
        elif what == b"Tr":
            self.now.mode = int(operands[-1])
        else:
            return False
        return True
