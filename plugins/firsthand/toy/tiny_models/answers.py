"""Ask a tiny model drills one by one, greedily, with transformers alone. The results stand on its card."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

FPS = 2.0


def answer_all(model_dir: Path, rows: list[dict[str, Any]], media: Path) -> Iterator[tuple[str, str, str]]:
    """(kind of drill, wanted answer, given answer) of the first drill of every row; frames lie under `media`."""
    import torch
    from transformers import AutoProcessor

    from firsthand.serving.verify import load_model

    processor = AutoProcessor.from_pretrained(model_dir)
    model = load_model(model_dir)
    for row in rows:
        turns = [message for message in row["messages"] if message["role"] != "system"]
        question, wanted = turns[0]["content"], turns[1]["content"]
        if question.startswith("which letters"):  # its answer names options at random: nothing to compare with
            continue
        inputs = _inputs(processor, row, question, media)
        with torch.inference_mode():
            made = model.generate(**inputs, max_new_tokens=128, do_sample=False)
        tokenizer = getattr(processor, "tokenizer", processor)
        given = tokenizer.decode(made[0][inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        yield _kind(row, question), wanted, given


def _kind(row: dict[str, Any], question: str) -> str:
    medium = "image: " if row["images"] else "video: " if row["videos"] else "text: "
    lines = question.replace("<image>", "").replace("<video>", "").split("\n")
    asked = next((line for line in lines if line.endswith("?")), lines[-1])
    return medium + " ".join(asked.split()[:3])


def _inputs(processor: Any, row: dict[str, Any], question: str, root: Path) -> Any:
    import numpy as np
    from PIL import Image

    content: list[dict[str, str]] = []
    media: dict[str, Any] = {}
    if row["images"]:
        content, media = [{"type": "image"}], {"images": [Image.open(root / path) for path in row["images"]]}
    if row["videos"]:
        frames = np.stack([np.asarray(Image.open(root / path)) for path in row["videos"][0]])
        facts = {"fps": FPS, "total_num_frames": len(frames), "frames_indices": list(range(len(frames)))}
        content = [{"type": "video"}]
        media = {"videos": [frames], "video_metadata": [facts], "do_sample_frames": False}
    content.append({"type": "text", "text": question.replace("<image>", "").replace("<video>", "")})
    turns = [{"role": "user", "content": content}]
    text = processor.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    return processor(text=[text], return_tensors="pt", **media)
