"""What only a synthetic world can tell of its clips: rooms, what was announced, what was done."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from firsthand import files
from firsthand.errors import UserError


@dataclass(frozen=True)
class Truth:
    rooms: Tensor  # int64 [clips, T + 1]
    announced: list[list[str]]  # [clips][T]: what each image announces


def read_truth(folder: Path, clips: list[dict[str, Any]], steps: int) -> Truth | None:
    """The truth of clips by the take and the first frame of each; None: there is no such folder."""
    if not folder.is_dir():
        return None
    takes = {name: files.read_json(folder / f"{name}.json") for name in sorted({clip["take_name"] for clip in clips})}
    rooms = sorted({room for take in takes.values() for room in take["rooms"]})
    try:
        firsts = [(takes[clip["take_name"]], clip["frame"] // clip["every"]) for clip in clips]
        shown = [[rooms.index(room) for room in take["rooms"][at : at + steps + 1]] for take, at in firsts]
        return Truth(torch.tensor(shown), [take["announced"][at : at + steps] for take, at in firsts])
    except (KeyError, ValueError, TypeError) as error:
        raise UserError(f"{folder}: does not belong to these clips ({error!r})") from None
