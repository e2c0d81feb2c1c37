"""One image row and one video row (one text row for a text model), and how three models agree on them."""

from pathlib import Path
from typing import Any

from firsthand.findings import Finding
from firsthand.serving.checks import failed, held
from firsthand.serving.weights import naming

QUESTION = "which thing do i hold ?\nA. the cup\nB. the book"
FPS, FRAMES = 2.0, 4
Probes = dict[str, Any]  # name -> what the processor gives the model
LogProbs = dict[str, Any]

ROUNDING_SHARE = 0.25  # bfloat16 weights of the tiny models; a lost or doubled adapter gives 1.0
ROUNDING_FLOOR = 2e-2  # mean |difference of log-probabilities| that rounding alone may cause


def frames() -> list[Any]:
    """The pictures of the probes; the first one is the image."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 255, (96, 128, 3), dtype=np.uint8)) for _ in range(FRAMES)]


def probes(folder: Path) -> Probes:
    """The rows as the folder's own processor renders them."""
    from transformers import AutoProcessor

    with naming(f"{folder}: its tokenizer, processor or chat template does not work", "compare it with the base's"):
        processor = AutoProcessor.from_pretrained(folder)
        kinds = ("image", "video") if hasattr(processor, "image_processor") else ("text",)
        return {kind: _row(processor, kind) for kind in kinds}


def _row(processor: Any, kind: str) -> Any:
    import numpy as np

    shown = frames()
    facts = {"fps": FPS, "total_num_frames": FRAMES, "frames_indices": list(range(FRAMES))}
    video = np.stack([np.asarray(frame) for frame in shown])
    media: dict[str, dict[str, Any]] = {
        "text": {},
        "image": {"images": shown[:1]},
        "video": {"videos": [video], "video_metadata": [facts], "do_sample_frames": False},
    }
    content = QUESTION if kind == "text" else [{"type": kind}, {"type": "text", "text": QUESTION}]
    turns = [{"role": "user", "content": content}]
    text = processor.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    return processor(text=[text], **media[kind], return_tensors="pt")


def fitting(rows: Probes, model: Any) -> list[Finding]:
    """The tokenizer gives no id that the embedding lacks."""
    highest = max(int(row["input_ids"].max()) for row in rows.values())
    known = len(model.get_input_embeddings().weight)
    if highest < known:
        return []
    fix = "train with resize_vocab: true, or restore the base's tokenizer"
    return [failed("token ids", f"the tokenizer gives {highest}, the embedding has {known} rows", fix)]


def log_probs(model: Any, rows: Probes) -> LogProbs:
    return {name: model(**row).logits[0].float().log_softmax(-1) for name, row in rows.items()}


def same_logits(base: LogProbs, wanted: LogProbs, merged: LogProbs, by: str, fix: str) -> list[Finding]:
    """The merge differs from what it should be by rounding only: by a small share of what the training changed."""
    checks = []
    for name in base:
        effect = (wanted[name] - base[name]).abs().mean().item()
        error = (wanted[name] - merged[name]).abs().mean().item()
        agree = (wanted[name].argmax(-1) == merged[name].argmax(-1)).float().mean().item()
        ok = error <= max(ROUNDING_FLOOR, ROUNDING_SHARE * effect) and (effect <= ROUNDING_FLOOR or error < effect)
        detail = f"mean |dlogp| {error:.2g} against {effect:.2g} that {by} changes, same argmax {agree:.0%}"
        checks.append(held(f"logits, {name}", detail) if ok else failed(f"logits, {name}", detail, fix))
    return checks
