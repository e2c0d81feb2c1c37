"""Where single images come from: folders of frames as WalkingTours has them, a frame store, ImageNet's classes."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from firsthand.egoagent.data.build_shards import ImageFile
from firsthand.errors import UserError

ENDINGS = {".jpg", ".jpeg", ".png"}


def frames_below(root: Path) -> list[ImageFile]:
    """Every frame of a frame store, or every image of the folders below `root`: one folder a video."""
    from firsthand.media.index import NAME

    if (root / NAME).is_file():
        return _of_store(root)
    if not root.is_dir():
        raise UserError(f"{root}: no such folder; give a frame store (firsthand media extract) or a folder of frames")
    found = sorted(path for path in root.rglob("*") if path.suffix.lower() in ENDINGS)
    if not found:
        raise UserError(f"{root}: no frame_0000001.jpg or other image below this folder")
    return [ImageFile(_key(f"{root.name}/{path.relative_to(root).with_suffix('')}"), path) for path in found]


def _of_store(root: Path) -> list[ImageFile]:
    from firsthand import clock
    from firsthand.media.store import FrameStore

    store = FrameStore(root)
    return [
        ImageFile(_key(f"{source}/{clock.stamp(frame.moment)}"), frame.path)
        for source in store.sources()
        for start, end in store.spans(source)
        for frame in store.frames(source, start, end)
    ]


def _key(name: str) -> str:
    """WebDataset takes what follows the first dot for the ending."""
    return name.replace(".", "-")


@dataclass(frozen=True)
class Labelled:
    """A folder with one folder a class, as ImageNet's train and val are."""

    paths: list[Path]
    labels: np.ndarray  # int64 [n]
    classes: list[str]

    def few(self, count: int, seed: int = 0) -> "Labelled":
        """`count` of the images, equally many of each class as far as they go."""
        generator = np.random.default_rng(seed)
        shuffled = [generator.permutation(np.flatnonzero(self.labels == label)) for label in range(len(self.classes))]
        turns = [(turn, label, row) for label, rows in enumerate(shuffled) for turn, row in enumerate(rows.tolist())]
        return self._only(sorted(row for _, _, row in sorted(turns)[:count]))

    def sample(self, count: int, seed: int = 0) -> "Labelled":
        """`count` of the images, whatever their class."""
        return self._only(sorted(np.random.default_rng(seed).permutation(len(self.paths))[:count].tolist()))

    def _only(self, rows: list[int]) -> "Labelled":
        return Labelled([self.paths[row] for row in rows], self.labels[rows], self.classes)


def labelled(root: Path, split: str, classes: list[str] | None = None) -> Labelled:
    """`classes` are those of the bank: a query of another class could never be right, and is an error."""
    folder = root / split
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; {root} should hold train/CLASS/*.jpg and val/CLASS/*.jpg")
    there = sorted(path.name for path in folder.iterdir() if path.is_dir())
    names = classes or there
    if unknown := sorted(set(there) - set(names)):
        raise UserError(f"{folder}: classes that train/ does not have: {', '.join(unknown[:5])}")
    rows = [(path, names.index(name)) for name in there for path in sorted((folder / name).iterdir())]
    rows = [row for row in rows if row[0].suffix.lower() in ENDINGS]
    if not rows:
        raise UserError(f"{folder}: no image in any class")
    return Labelled([path for path, _ in rows], np.array([label for _, label in rows]), names)
