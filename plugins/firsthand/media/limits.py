"""What LLaMA-Factory does to media before the model sees them; its defaults are named here and nowhere else."""

from dataclasses import dataclass

IMAGE = (32 * 32, 768 * 768)  # fewest and most pixels of an image
VIDEO = (16 * 16, 256 * 256)  # the same, of a frame of a video
FPS, MAX_FRAMES = 2.0, 128  # of a video file
CUTOFF = 2048  # tokens of a row

Budget = tuple[int, int] | None  # fewest and most pixels of an image or a frame; None: only the processor's own


@dataclass(frozen=True)
class Limits:
    """How media are made smaller, and how long a row may be, before the model's own processor sees them."""

    image: Budget = IMAGE
    video: Budget = VIDEO
    video_fps: float = FPS
    video_maxlen: int = MAX_FRAMES
    tokens: int | None = None
    key: str = ""  # the recipe's key for the limit of tokens
    workers: int = 1  # processes of LLaMA-Factory's preprocessing
    batch: int = 1000
    video_minlen: int = 1  # frames of a video file, at least; LLaMA-Factory knows no such limit
