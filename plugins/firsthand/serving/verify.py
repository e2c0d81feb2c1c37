"""Proof that a merged model is base + adapter: same keys, same tokenizer and template, same logits on real media.

Users find out months later that a merge lost the adapter, an embedding or the chat template. Each check here names the
key that is wrong and how to mend it. Two checks look for the adapter itself: how much of it each merged weight holds,
which also sees an adapter that changes little, and whether the logits of the merge differ from base + adapter by
rounding only, that is by a small share of what the adapter changes.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firsthand.errors import UserError

ROUNDING_SHARE = 0.25  # bfloat16 weights of the tiny models; a lost or doubled adapter gives 1.0
ROUNDING_FLOOR = 2e-2  # mean |difference of log-probabilities| that rounding alone may cause
WHOLE = (0.5, 1.5)  # share of the adapter in a merged weight: 0 is lost, 2 is doubled; rounding takes a little of it


@dataclass
class Check:
    name: str
    ok: bool
    detail: str


def verify(base: Path, adapter: Path, merged: Path) -> list[Check]:
    for path, what in ((base, "base model"), (adapter, "adapter"), (merged, "merged model")):
        if not path.is_dir():
            raise UserError(f"{what}: {path} is no folder; verification needs local paths (download the base first)")
    checks = [_keys(base, merged), _vision(adapter), *_restored(base, merged)]
    return [*checks, *_compared(base, adapter, merged)] if checks[0].ok else checks


def _weights(folder: Path) -> dict[str, tuple[int, ...]]:
    from safetensors import safe_open

    shapes: dict[str, tuple[int, ...]] = {}
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise UserError(f"{folder}: no .safetensors file; was the export interrupted? Run it again")
    for file in files:
        try:
            with safe_open(file, "pt") as handle:
                shapes.update({key: tuple(handle.get_slice(key).get_shape()) for key in handle.keys()})  # noqa: SIM118
        except Exception as error:
            raise UserError(f"{file}: not a readable safetensors file ({error}); run the export again") from None
    return shapes


def _keys(base: Path, merged: Path) -> Check:
    before, after = _weights(base), _weights(merged)
    tied = {"lm_head.weight"}
    missing, extra = before.keys() - after.keys() - tied, after.keys() - before.keys() - tied
    reshaped = [key for key in before.keys() & after.keys() if before[key] != after[key]]
    problems = [f"missing {key}" for key in sorted(missing)] + [f"unknown {key}" for key in sorted(extra)]
    problems += [f"{key}: {before[key]} became {after[key]}" for key in sorted(reshaped)]
    if not problems:
        return Check("keys", True, f"{len(after)} tensors, same names and shapes as the base")
    shown = "; ".join(problems[:5]) + (f"; and {len(problems) - 5} more" if len(problems) > 5 else "")
    return Check("keys", False, f"{shown}. Export again from this base with this adapter")


def _vision(adapter: Path) -> Check:
    touched = [key for key in _weights(adapter) if "visual" in key]
    if not touched:
        return Check("vision tower", True, "the adapter changes the language model only")
    return Check(
        "vision tower",
        True,
        f"the adapter changes {len(touched)} vision weights ({touched[0]} ...): serve the merged model; "
        "vLLM ignores vision LoRA. Set freeze_vision_tower: true to avoid it",
    )


def _restored(base: Path, merged: Path) -> list[Check]:
    """Tokenizer, processor and template must be the base's; a file that differs in content is put back."""
    checks = []
    for name in ("chat_template.jinja", "tokenizer.json", "preprocessor_config.json", "processor_config.json"):
        source, target = base / name, merged / name
        if not source.exists() or (target.exists() and _same(source, target)):
            continue
        if name == "tokenizer.json" and target.exists() and _vocabulary(target) - _vocabulary(source):
            checks.append(Check(name, True, "has tokens that the base lacks (add_tokens): kept"))
            continue
        target.write_bytes(source.read_bytes())
        checks.append(Check(name, True, "differed from the base: restored"))
    return checks or [Check("tokenizer, processor, template", True, "as in the base")]


def _same(a: Path, b: Path) -> bool:
    import json

    if a.suffix == ".json":
        return json.loads(a.read_text()) == json.loads(b.read_text())
    return a.read_text() == b.read_text()


def _vocabulary(tokenizer_json: Path) -> set[str]:
    import json

    content = json.loads(tokenizer_json.read_text())
    return set(content["model"]["vocab"]) | {token["content"] for token in content["added_tokens"]}


def _compared(base: Path, adapter: Path, merged: Path) -> list[Check]:
    """The weights and the logits of the three models."""
    import torch
    from peft import PeftModel

    plain, whole = load_model(base), load_model(merged)
    probes = _probes(merged)
    highest, rows = max(int(probe["input_ids"].max()) for probe in probes.values()), whole.get_input_embeddings().weight
    if highest >= len(rows):
        fix = "train with resize_vocab: true, or restore the base's tokenizer"
        return [Check("token ids", False, f"the tokenizer gives {highest}, the embedding has {len(rows)} rows: {fix}")]
    with torch.inference_mode():
        of_base = {name: _log_probs(plain, probe) for name, probe in probes.items()}
        of_merged = {name: _log_probs(whole, probe) for name, probe in probes.items()}
        adapted = PeftModel.from_pretrained(plain, adapter).eval()
        of_adapted = {name: _log_probs(adapted, probe) for name, probe in probes.items()}
        checks = [_shares(adapted, whole)]
    for name in probes:
        effect = (of_adapted[name] - of_base[name]).abs().mean().item()
        error = (of_adapted[name] - of_merged[name]).abs().mean().item()
        agree = (of_adapted[name].argmax(-1) == of_merged[name].argmax(-1)).float().mean().item()
        ok = error <= max(ROUNDING_FLOOR, ROUNDING_SHARE * effect) and (effect <= ROUNDING_FLOOR or error < effect)
        detail = f"mean |dlogp| {error:.2g} against {effect:.2g} that the adapter changes, same argmax {agree:.0%}"
        fix = "" if ok else ". The merged weights are not base + adapter: export again, never from a quantised base"
        checks.append(Check(f"logits, {name}", ok, detail + fix))
    return checks


def _shares(adapted: Any, whole: Any) -> Check:
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
        return Check("adapter in the weights", True, f"found in {len(shares)} weights{spread}{note}")
    shown = ", ".join(wrong[:3]) + (f" and {len(wrong) - 3} more" if len(wrong) > 3 else "")
    why = "0 is a lost adapter, 2 a doubled one; in between it was rounded away: export with infer_dtype: float32"
    return Check("adapter in the weights", False, f"its share should be 1 and is {shown} ({why}){note}")


def load_model(folder: Path) -> Any:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText

    config = AutoConfig.from_pretrained(folder)
    auto = AutoModelForImageTextToText if hasattr(config, "vision_config") else AutoModelForCausalLM
    return auto.from_pretrained(folder, dtype=torch.float32).eval()


def _log_probs(model: Any, inputs: Any) -> Any:
    return model(**inputs).logits[0].float().log_softmax(-1)


def _probes(folder: Path) -> dict[str, Any]:
    """One image row and one video row (one text row for a text model), as the processor itself renders them."""
    import numpy as np
    from transformers import AutoProcessor

    processor = AutoProcessor.from_pretrained(folder)
    question = {"type": "text", "text": "which thing do i hold ?\nA. the cup\nB. the book"}
    if not hasattr(processor, "image_processor"):
        text = processor.apply_chat_template([{"role": "user", "content": question["text"]}], tokenize=False)
        return {"text": processor(text, return_tensors="pt")}
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 255, (96, 128, 3), dtype=np.uint8) for _ in range(4)]

    def render(kind: str) -> str:
        turn = {"role": "user", "content": [{"type": kind}, question]}
        return processor.apply_chat_template([turn], tokenize=False, add_generation_prompt=True)

    metadata = [{"fps": 2.0, "duration": 2.0, "total_num_frames": 4, "frames_indices": [0, 1, 2, 3]}]
    return {
        "image": processor(text=[render("image")], images=[frames[0]], return_tensors="pt"),
        "video": processor(
            text=[render("video")],
            videos=[np.stack(frames)],
            video_metadata=metadata,
            do_sample_frames=False,
            return_tensors="pt",
        ),
    }
