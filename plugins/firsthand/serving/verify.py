"""Proof that a merged model is base + adapter: same keys, same tokenizer and template, same logits on real media.

Without it, a lost adapter, embedding or chat template is noticed months later. Each check here names the
key that is wrong and how to fix it. Two checks look for the adapter itself: how much of it each merged weight holds,
which also sees an adapter that changes little, and whether the logits of the merge differ from base + adapter by
rounding only, that is by a small share of what the adapter changes.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from firsthand.errors import UserError
from firsthand.findings import Finding
from firsthand.serving.adapter import check_adapter
from firsthand.serving.checks import failed, held, passed, some
from firsthand.serving.probe_rows import fitting, log_probs, probes, same_logits
from firsthand.serving.tokenizer_files import restore
from firsthand.serving.tower_names import repair
from firsthand.serving.weights import finite, load_model, local_folder, naming, same_keys

First = Callable[[Path], list[Finding]]
Change = Callable[[Any, Any], list[Finding]]
WHOLE = (0.5, 1.5)  # share of the adapter in a merged weight: 0 is lost, 2 is doubled; rounding takes a little of it
EXPORT_AGAIN = "the merged weights are not base + adapter: export again, never from a quantised base"
DIVERGED = "export again, with infer_dtype: float32 or bfloat16"


def verify(base: str | Path, adapter: Path, merged: Path) -> list[Finding]:
    def add(plain: Any, whole: Any) -> list[Finding]:
        from peft import PeftModel

        with naming(f"{adapter}: the adapter cannot be loaded", "save the adapter again"):
            return [_shares(PeftModel.from_pretrained(plain, adapter).eval(), whole)]

    return proof(base, merged, partial(check_adapter, adapter=adapter), add, DIVERGED, "the adapter", EXPORT_AGAIN)


def proof(
    name: str | Path, merged: Path, first: First, change: Change, diverged: str, by: str, fix: str
) -> list[Finding]:
    """Checks from the cheapest to the dearest; where one fails, no later kind is made.

    `first` gets the folder of the base. `change` gets the loaded base and the loaded merge: it changes the base into
    what the merge should be, and compares weights.
    """
    base = local_folder(name, "base model")
    if not merged.is_dir():
        way = "export first (without --check-only), or correct export_dir (of veRL: --out)"
        raise UserError(f"merged model: {merged} is not a folder; {way}")
    checks = [*first(base), *repair(merged), *same_keys(base, merged)]
    if passed(checks):
        checks += [finite(merged, diverged), *restore(base, merged)]
    return [*checks, *_compared(base, merged, change, by, fix)] if passed(checks) else checks


def _compared(base: Path, merged: Path, change: Change, by: str, fix: str) -> list[Finding]:
    import torch

    model, whole = load_model(base), load_model(merged)
    rows = probes(merged)
    if wrong := fitting(rows, whole):
        return wrong
    with torch.inference_mode():
        of_base, of_merged = log_probs(model, rows), log_probs(whole, rows)
        checks = change(model, whole)
        return [*checks, *same_logits(of_base, log_probs(model, rows), of_merged, by, fix)]


def _shares(adapted: Any, whole: Any) -> Finding:
    """How much of the adapter each merged weight holds, by projection: rounding errors cancel out, a loss does not."""
    from peft.tuners.lora import LoraLayer

    layers = {name: layer for name, layer in adapted.named_modules() if isinstance(layer, LoraLayer)}
    shares = {}
    for name, layer in layers.items():
        if layer.use_dora.get("default") or not (delta := layer.get_delta_weight("default")).any():
            continue
        key = f"{name.removeprefix('base_model.model.')}.weight"
        moved = whole.get_parameter(key) - layer.get_base_layer().weight
        shares[key] = ((moved * delta).sum() / (delta * delta).sum()).item()
    left_out = len(layers) - len(shares)
    note = f"; {left_out} are untrained or DoRA and not compared" if left_out else ""
    wrong = [f"{share:.2f} in {key}" for key, share in shares.items() if not WHOLE[0] < share < WHOLE[1]]
    if not wrong:
        spread = f", {min(shares.values()):.2f} to {max(shares.values()):.2f} of it in each" if shares else ""
        return held("adapter in the weights", f"found in {len(shares)} weights{spread}{note}")
    why = "0 is a lost adapter, 2 a doubled one; in between it was rounded away"
    detail = f"its share should be 1 and is {some(wrong)} ({why}){note}"
    return failed("adapter in the weights", detail, "export with infer_dtype: float32")
