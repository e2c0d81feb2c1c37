"""Proof that a merged veRL checkpoint is the checkpoint: its weights, its logits, and the base's keys and files.

The checkpoint's weights are at hand, so the merged ones must equal them, rounded to the type of the export. A
comparison with the base says how far training moved the model: not at all means that the training was lost, and a long
way means another base.
"""

from pathlib import Path
from typing import Any

from firsthand.findings import Finding
from firsthand.serving.checks import failed, held, noted, some
from firsthand.serving.verify import proof
from firsthand.serving.verl_checkpoint import Weights, read_weights
from firsthand.serving.weights import differences, headers, parameter_shapes

MERGE_AGAIN = "remove the export and merge again"
ANOTHER_BASE = 0.5  # relative distance; the tiny twins move by 0.01, two unrelated models lie 1.4 apart
TYPES = {"F32": "float32", "BF16": "bfloat16", "F16": "float16"}
NAME_THE_BASE = "name the model that the training began with: --base DIR"
DIVERGED = "if the checkpoint has it too, the training diverged: export an earlier global_step"


def verify_verl(base: str, actor: Path, merged: Path) -> list[Finding]:
    own, lora = read_weights(actor)
    shapes = {key: tuple(weight.shape) for key, weight in own.items()}

    def same_names(base: Path) -> list[Finding]:
        wrong = differences(parameter_shapes(base), shapes)
        return [failed("checkpoint", some(wrong, 5, "; "), NAME_THE_BASE)] if wrong else []

    def load(plain: Any, whole: Any) -> list[Finding]:
        dtype = _stored_type(merged)
        known, given = plain.state_dict(), whole.state_dict()
        compared = [_weights(own, given, dtype, lora), *_moved(known, own, given, dtype)]
        plain.load_state_dict({key: weight.to(dtype) for key, weight in own.items()}, strict=False)
        return compared

    return proof(base, merged, same_names, load, DIVERGED, "the training", MERGE_AGAIN)


def _stored_type(merged: Path) -> Any:
    import torch

    stored = {header.dtype for header in headers(merged).values()}
    return getattr(torch, TYPES[stored.pop()]) if len(stored) == 1 else torch.float32


def _weights(own: Weights, given: Weights, dtype: Any, lora: bool) -> Finding:
    """Every weight of the export is that of the checkpoint, rounded."""
    unequal = {key: (own[key].to(dtype).float() != given[key]).float().mean().item() for key in sorted(own)}
    if shown := [f"{key} in {share:.0%} of its values" for key, share in unequal.items() if share]:
        return failed("weights", f"not those of the checkpoint: {some(shown)}", MERGE_AGAIN)
    return held("weights", f"{len(own)} are those of the checkpoint as {dtype}{', LoRA merged' if lora else ''}")


def _moved(known: Weights, own: Weights, given: Weights, dtype: Any) -> list[Finding]:
    """How far training moved each weight from the base, and how much of that the export's type can hold."""
    far = length = kept = 0.0
    still = []
    for key, weight in own.items():
        before, delta = known[key].double(), weight.double() - known[key].double()
        step = delta.square().sum().item()
        far, length = far + step, length + before.square().sum().item()
        kept += ((given[key].double() - known[key].to(dtype).double()) * delta).sum().item()
        if not step:
            still.append(key)
    if not far:
        fix = "export a later global_step; the learning rate or the rewards may be 0"
        return [failed("trained", "every weight is that of the base", fix)]
    distance = (far / length) ** 0.5
    moved = f"{len(own) - len(still)} of {len(own)} weights differ from the base, by {distance:.2%} in all"
    if distance > ANOTHER_BASE:
        return [failed("trained", f"{moved}: that is another model", NAME_THE_BASE)]
    checks = [noted("trained", f"{moved}; unchanged: {some(still)}") if still else held("trained", moved)]
    if kept < 0.5 * far:
        lost = f"{dtype} holds {kept / far:.0%} of what training changed: its steps are smaller than this type resolves"
        checks.append(noted("rounding", lost))
    return checks
