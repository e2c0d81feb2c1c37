"""What LLaMA-Factory does to media before the model sees them, with its defaults. They stand here and nowhere else."""

from dataclasses import dataclass

Budget = tuple[int, int] | None  # fewest and most pixels of an image or a frame; None: only the processor's own


@dataclass(frozen=True)
class Limits:
    """How media are made smaller, and how long a row may be, before the model's own processor sees them."""

    image: Budget = (32 * 32, 768 * 768)
    video: Budget = (16 * 16, 256 * 256)
    video_fps: float = 2.0
    video_maxlen: int = 128
    tokens: int | None = None
    key: str = ""  # of the recipe, where the limit of tokens stands
    workers: int = 1  # processes of LLaMA-Factory's preprocessing
    batch: int = 1000
