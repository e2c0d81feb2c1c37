"""Proof that a merged veRL checkpoint is the checkpoint: its weights, its logits, and the base's keys and files.

Here nothing has to be taken on trust: the checkpoint's weights are at hand, so that the merged ones must equal them,
rounded to the type of the export. Against the base it is told how far training moved the model: not at all is a lost
training, and a long way is another base.
"""

from pathlib import Path
from typing import Any

from firsthand.errors import UserError
from firsthand.serving.checks import Check, passed, some
from firsthand.serving.probe_rows import fitting, log_probs, probes, same_logits
from firsthand.serving.tokenizer_files import restore
from firsthand.serving.verl_checkpoint import Weights, read_weights
from firsthand.serving.weights import finite, headers, load_model, local_folder, same_keys

MERGE_AGAIN = "Remove the export and merge again"
ANOTHER_BASE = 0.5  # relative distance; the tiny twins move by 0.01, two unrelated models lie 1.4 apart
TYPES = {"F32": "float32", "BF16": "bfloat16", "F16": "float16"}


def verify_verl(base_name: str, actor: Path, merged: Path) -> list[Check]:
    base = local_folder(base_name, "base model")
    if not merged.is_dir():
        raise UserError(f"merged model: {merged} is no folder; merge first (without --check-only) or mend --out")
    checks = same_keys(base, merged)
    if passed(checks):
        diverged = "If the checkpoint has it too, the training diverged: export an earlier global_step"
        checks += [finite(merged, diverged), *restore(base, merged)]
    return [*checks, *_compared(base, actor, merged)] if passed(checks) else checks


def _compared(base: Path, actor: Path, merged: Path) -> list[Check]:
    import torch

    own, lora = read_weights(actor)
    plain, whole = load_model(base), load_model(merged)
    rows = probes(merged)
    known, given = plain.state_dict(), whole.state_dict()
    if wrong := [*_same_names(known, own), *fitting(rows, whole)]:
        return wrong
    stored = {header.dtype for header in headers(merged).values()}
    dtype = getattr(torch, TYPES[stored.pop()]) if len(stored) == 1 else torch.float32
    checks = [_weights(own, given, dtype, lora), *_moved(known, own, given, dtype)]
    with torch.inference_mode():
        of_base, of_merged = log_probs(plain, rows), log_probs(whole, rows)
        plain.load_state_dict({key: weight.to(dtype) for key, weight in own.items()}, strict=False)
        logits = same_logits(of_base, log_probs(plain, rows), of_merged, "the training", MERGE_AGAIN)
    return [*checks, *logits]


def _same_names(known: Weights, own: Weights) -> list[Check]:
    tied = {"lm_head.weight"}
    wrong = [f"missing {key}" for key in sorted(known.keys() - own.keys() - tied)]
    wrong += [f"unknown {key}" for key in sorted(own.keys() - known.keys() - tied)]
    wrong += [
        f"{key}: {tuple(known[key].shape)} in the base, {tuple(own[key].shape)} here"
        for key in sorted(own.keys() & known.keys())
        if own[key].shape != known[key].shape
    ]
    fix = "Name the model that the training began with: --base DIR"
    return [Check("checkpoint", False, f"{some(wrong, 5, '; ')}. {fix}")] if wrong else []


def _weights(own: Weights, given: Weights, dtype: Any, lora: bool) -> Check:
    """Every weight of the export is that of the checkpoint, rounded."""
    wrong = {}
    for key, weight in own.items():
        if unequal := (weight.to(dtype).float() != given[key]).float().mean().item():
            wrong[key] = unequal
    if wrong:
        shown = [f"{key} in {share:.0%} of its values" for key, share in sorted(wrong.items())]
        return Check("weights", False, f"not those of the checkpoint: {some(shown)}. {MERGE_AGAIN}")
    return Check("weights", True, f"{len(own)} are those of the checkpoint as {dtype}{', LoRA merged' if lora else ''}")


def _moved(known: Weights, own: Weights, given: Weights, dtype: Any) -> list[Check]:
    """How far training moved each weight from the base, and how much of that the export's type can hold."""
    far = length = held = 0.0
    still = []
    for key, weight in own.items():
        before, delta = known[key].double(), weight.double() - known[key].double()
        step = delta.square().sum().item()
        far, length = far + step, length + before.square().sum().item()
        held += ((given[key].double() - known[key].to(dtype).double()) * delta).sum().item()
        if not step:
            still.append(key)
    if not far:
        fix = "Export a later global_step; the learning rate or the rewards may be 0"
        return [Check("trained", False, f"every weight is that of the base. {fix}")]
    distance = (far / length) ** 0.5
    told = f"{len(own) - len(still)} of {len(own)} weights differ from the base, by {distance:.2%} in all"
    if distance > ANOTHER_BASE:
        fix = "Name the model that the training began with: --base DIR"
        return [Check("trained", False, f"{told}: that is another model. {fix}")]
    checks = [Check("trained", True, told + (f"; unchanged: {some(still)}" if still else ""), note=bool(still))]
    if held < 0.5 * far:
        lost = f"{dtype} holds {held / far:.0%} of what training changed: its steps are smaller than this type resolves"
        checks.append(Check("rounding", True, lost, note=True))
    return checks
