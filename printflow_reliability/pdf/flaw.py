"""What is wrong with the data of one stream."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Flaw:
    """One thing that is wrong with a stream.

    Attributes:
        text: the end of a sentence whose subject is the stream.
        lost: whether something is printed wrong or not at all; otherwise a printer may trip over it.
    """

    text: str
    lost: bool = True


def undecodable(error: Exception) -> Flaw:
    """Whatever hostile data makes a decoder raise is a property of the data; but for memory, which is ours.

    Raises:
        MemoryError: it is that.
    """
    if isinstance(error, MemoryError):
        raise error
    return Flaw(f"does not decode ({' '.join(str(error).split())[:60]})")
