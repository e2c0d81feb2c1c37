"""What an evaluation may choose."""

from collections.abc import Callable
from dataclasses import dataclass

Progress = Callable[[str, int, int], None]  # what is done, done, in total


@dataclass(frozen=True)
class Settings:
    steps: int = 4
    clips: int = 256
    few: int = 120  # labelled images of the small bank
    bank: int | None = None  # of the large one; None: all
    labels: list[str] | None = None  # the folders of labels that are measured; None: all
    backbone: str | None = None  # a vision model of transformers, for comparison
    batch: int = 64
    workers: int = 0  # processes that decode images
    seed: int = 0
    device: str = "cpu"
