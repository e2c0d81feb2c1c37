"""kNN on images by class, in the layout of ImageNet: of the model, its pixels, its start, and of any other backbone.

Two banks: a few labelled images, where good features matter most, and all of them. Images are decoded once for all
methods and never held together, so that ImageNet fits.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from firsthand.egoagent.data.image_sources import Labelled, labelled
from firsthand.egoagent.data.pictures import middle_square, opened
from firsthand.egoagent.evaluation import models
from firsthand.egoagent.evaluation.knn import ks_for, ranked_classes, right
from firsthand.egoagent.evaluation.models import Agent, Features
from firsthand.egoagent.evaluation.results import Row, Table
from firsthand.egoagent.evaluation.settings import Progress, Settings
from firsthand.evals.score import wilson

Methods = dict[str, Features]
FULL, SHORTER = 224, 256  # DINO's: the shorter side becomes 256, the middle 224 are looked at


def knn_tables(methods: Methods, folder: Path, settings: Settings, progress: Progress) -> list[Table]:
    bank = labelled(folder, "train")
    few = bank.few(settings.few, settings.seed)
    if settings.bank:
        bank = bank.sample(settings.bank, settings.seed)
    queries = labelled(folder, "val", bank.classes)
    size, done = _size(bank), 0
    found: list[dict[str, Tensor]] = []
    for images in (few, bank, queries):
        parts: dict[str, list[Tensor]] = {name: [] for name in methods}
        for pixels in _read(images, size, settings):
            for name, features in methods.items():
                parts[name].append(models.features_of(features, pixels, torch.device(settings.device)))
            done += len(pixels)
            progress(f"kNN {folder.name}", done, len(few.paths) + len(bank.paths) + len(queries.paths))
        found.append({name: torch.cat(some) for name, some in parts.items()})
    of_few, of_bank, asked = found
    return [_table(folder.name, few, of_few, queries, asked), _table(folder.name, bank, of_bank, queries, asked)]


def methods_of(agent: Agent, settings: Settings) -> Methods:
    methods = {
        "teacher": agent.teacher.encode,
        "student": agent.student.encode,
        "pixels": models.pixels(),
        "random init": models.random_agent(agent, settings.seed).teacher.encode,
    }
    if settings.backbone:
        methods[f"frozen {settings.backbone}"] = models.backbone(settings.backbone, settings.device)
    return methods


def _table(name: str, bank: Labelled, known: dict[str, Tensor], queries: Labelled, asked: dict[str, Tensor]) -> Table:
    made = [row for method in known for row in _votes(method, known[method], bank.labels, asked[method], queries)]
    return Table(
        title=f"kNN of {name}, bank of {len(bank.paths)}",
        unit="Top1 %",
        n=f"{len(queries.paths)} queries, {len(bank.classes)} classes, most frequent {_most_frequent(queries):.1f} %",
        rows=made,
        columns=["Top5 %", "k"],
        note="Weighted votes, temperature 0.07; random init is a network of the same sizes before its first step.",
    )


def _votes(name: str, bank: Tensor, labels: np.ndarray, queries: Tensor, asked: Labelled) -> list[Row]:
    rows = []
    for k in ks_for(len(bank)):
        ranked = ranked_classes(bank, torch.from_numpy(labels), queries, len(asked.classes), k)
        first, five = right(ranked, torch.from_numpy(asked.labels))
        low, high = wilson(sum(first), len(first))
        more = {"Top5 %": 100 * sum(five) / len(five), "k": k}
        rows.append(Row(name=name, value=100 * sum(first) / len(first), interval=(100 * low, 100 * high), more=more))
    return rows


def _most_frequent(images: Labelled) -> float:
    return 100 * float(np.bincount(images.labels).max()) / len(images.labels)


def _size(bank: Labelled) -> int:
    """224, or what the images are where they are small squares."""
    width, height = opened(bank.paths[0].read_bytes(), bank.paths[0]).size
    return width if width == height < FULL else FULL


def _read(images: Labelled, size: int, settings: Settings) -> Iterator[Tensor]:
    loader = DataLoader(_Pictures(images.paths, size), batch_size=settings.batch, num_workers=settings.workers)
    return iter(loader)


@dataclass(frozen=True)
class _Pictures(Dataset):
    paths: list[Path]
    size: int

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, row: int) -> Tensor:
        path = self.paths[row]
        image = opened(path.read_bytes(), path)
        if image.size != (self.size, self.size):
            image = middle_square(image, round(self.size * SHORTER / FULL), self.size)
        return torch.from_numpy(np.asarray(image.convert("RGB")).transpose(2, 0, 1).copy())
