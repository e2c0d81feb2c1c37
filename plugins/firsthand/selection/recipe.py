"""The keys of a recipe of `firsthand select run`. Unknown keys are errors that name the right one."""

from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from firsthand.llm.client import base_url
from firsthand.media.limits import FPS, MAX_FRAMES, VIDEO
from firsthand.selection.mask import Noise
from firsthand.selection.methods import Method
from firsthand.tools.settings import Strict


class VideoFiles(Strict):
    """How video files are sampled, under veRL's keys; write what the training recipe has under `data.media.video`."""

    fps: float = FPS
    max_frames: int = MAX_FRAMES
    max_pixels: int = VIDEO[1]
    min_pixels: int = VIDEO[0]


class Sampling(Strict):
    """Defaults are those of the released scoring pass."""

    temperature: float = Field(default=0.7, gt=0)  # at 0 all samples would be one
    top_p: float = Field(default=1.0, gt=0, le=1)
    max_tokens: int = Field(default=768, ge=1)
    seed: int = 0


class Policy(Strict):
    """The model that answers, behind one or more OpenAI-compatible servers. Its key is read from VLLM_API_KEY."""

    model: str
    servers: list[str] = Field(min_length=1)  # http://127.0.0.1:8000/v1
    sampling: Sampling = Sampling()
    concurrency: int = Field(16, ge=1)  # rows at once, for each server
    retries: int = Field(6, ge=0, le=100)  # after connection faults, 429 and 5xx
    timeout: float = Field(600.0, gt=0)

    @field_validator("servers")
    @classmethod
    def _addresses(cls, servers: list[str]) -> list[str]:
        return [base_url(server) for server in servers]


class Reward(Strict):
    """Of a veRL recipe: the reward that the chosen rows will be trained with."""

    recipe: Path
    accuracy: str = "accuracy"  # the part that says how right an answer is, 0 to 1
    form: str | None = "format"  # the part that counts with it in the coarse filter; null: none does


class Recipe(Strict):
    pool: Path  # rows of veRL or of `firsthand eval`
    media_root: Path | None = None  # by default the folder of the pool
    regions: Path | None = None  # what `firsthand select regions` wrote
    mask: Noise = "outside"
    video: VideoFiles = VideoFiles()
    out: Path  # a folder
    method: Method
    policy: Policy | None = None
    reward: Reward | None = None

    @property
    def chosen(self) -> Path:
        return self.out / f"selected{self.pool.suffix}"

    @property
    def generations(self) -> Path:
        return self.out / "generations"

    @property
    def ledger(self) -> Path:
        return self.out / "ledger.jsonl"

    def of_sampling(self) -> dict[str, Any]:
        return self.video.model_dump()
