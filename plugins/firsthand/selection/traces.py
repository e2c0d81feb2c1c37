"""What training has seen of each row, from the traces of a run: the rewards of its rollouts, visit by visit."""

from collections import defaultdict
from pathlib import Path

from firsthand.errors import UserError
from firsthand.files import read_jsonl

Visits = list[list[float]]  # of a row: the accuracies of the rollouts of each step that it was in


def read(folder: Path, part: str = "accuracy") -> dict[str, Visits]:
    """By the id of the row, in the order of the steps. Rollouts whose part is unknown are left out."""
    files = sorted(folder.glob("*.jsonl"))
    if not files:
        raise UserError(f"{folder}: no traces; write `traces: {folder}` under `sampler_kwargs` of the training recipe")
    seen: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for file in files:
        for number, rollout in enumerate(read_jsonl(file), 1):
            try:
                id, step, value = rollout["facts"]["id"], rollout["step"], rollout["parts"].get(part)
            except (KeyError, TypeError):
                raise UserError(f"{file}: row {number} is not a rollout of a training run") from None
            if id and value is not None and value == value:
                seen[id][step].append(value)
    if not seen:
        raise UserError(f"{folder}: no rollout has an id and a part `{part}`")
    return {id: [steps[step] for step in sorted(steps)] for id, steps in seen.items()}
