"""How alike a picture and a text are, by CLIP or SigLIP: finders of regions and rewards for grounding ask it.

Embeddings have length 1, so that a product is a cosine. How large the cosine of a right pair is depends on the model:
thresholds hold for one model only (`firsthand select calibrate`).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from firsthand import files
from firsthand.errors import UserError

if TYPE_CHECKING:
    from PIL import Image

BATCH = 256


@dataclass
class Similarity:
    """A model of transformers with a tower for pictures and one for texts; it is loaded when it is first asked."""

    model: str
    device: str = "cpu"

    def load(self) -> None:
        """Now, and not with the first row: a model that is not there is no fault of a row."""
        _ = self._net, self._image_tower, self._tokenizer

    def images(self, pictures: Sequence["Image.Image"]) -> np.ndarray:
        """float32 [n, d]."""
        return self._embedded(pictures, lambda batch: self._image_tower(images=batch, return_tensors="pt"), "image")

    def texts(self, texts: Sequence[str]) -> np.ndarray:
        """float32 [n, d]; what is longer than the model can read is cut."""
        return self._embedded(texts, self._tokenized, "text")

    def tokens(self, text: str) -> int:
        """Of a text that is not cut, with the marks around it."""
        return len(self._tokenizer(text)["input_ids"])

    @property
    def longest(self) -> int:
        """Tokens that the model can read."""
        return int(self._net.config.text_config.max_position_embeddings)

    def _tokenized(self, texts: Sequence[str]) -> Any:
        padding = "max_length" if self._net.config.model_type.startswith("siglip") else True  # as each was trained
        return self._tokenizer(texts, padding=padding, truncation=True, max_length=self.longest, return_tensors="pt")

    def _embedded(self, items: Sequence[Any], prepared: Any, tower: str) -> np.ndarray:
        import torch

        found = []
        with torch.inference_mode():
            for start in range(0, len(items), BATCH):
                inputs = prepared(list(items[start : start + BATCH])).to(self.device)
                made = getattr(self._net, f"get_{tower}_features")(**inputs)
                vectors = getattr(made, "pooler_output", made)  # transformers 5 returns an object
                found.append(torch.nn.functional.normalize(vectors.float(), dim=-1).cpu().numpy())
        return np.concatenate(found) if found else np.zeros((0, 0), np.float32)

    @cached_property
    def _net(self) -> Any:
        with loading(self.model):
            from transformers import AutoModel
            from transformers.utils import logging

            logging.disable_progress_bar()
            net = AutoModel.from_pretrained(self.model).eval().to(self.device)
        if not hasattr(net, "get_text_features"):
            raise UserError(
                f"{self.model}: a {net.config.model_type} has no common space of pictures and texts; take CLIP"
            )
        return net

    @cached_property
    def _image_tower(self) -> Any:
        with loading(self.model):
            from transformers import AutoImageProcessor

            return AutoImageProcessor.from_pretrained(self.model)

    @cached_property
    def _tokenizer(self) -> Any:
        with loading(self.model):
            from transformers import AutoTokenizer

            return AutoTokenizer.from_pretrained(self.model)


@contextmanager
def loading(model: str, kind: str = "CLIP or SigLIP") -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise UserError(f"{error}; models need: pip install 'firsthand[cuda]', or 'firsthand[cpu]'") from None
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{model}: cannot be loaded as {kind} ({str(error).splitlines()[0]})") from None


@dataclass(frozen=True)
class Vectors:
    """Embeddings of one picture a row, and the model that made them."""

    model: str
    of: dict[str, np.ndarray]

    def write(self, path: Path | str) -> None:
        names = list(self.of)
        with files.replacing(path) as partial, partial.open("wb") as handle:
            stacked = np.stack([self.of[name] for name in names])
            np.savez(handle, ids=np.array(names), vectors=stacked, model=np.array(self.model))

    @classmethod
    def read(cls, path: Path | str) -> "Vectors":
        files.check_regular(path)
        try:
            with np.load(path, allow_pickle=False) as found:
                return cls(str(found["model"]), dict(zip(found["ids"].tolist(), found["vectors"], strict=True)))
        except (OSError, ValueError, KeyError) as error:
            raise UserError(f"{path}: not a file of `firsthand select embed` ({error})") from None
