"""A tiny CLIP from random weights: drawn crops and the words for them, the ordinary class and files of transformers.

It learns which of twelve things a crop shows, and whether it is in a hand or on the table. No frame of a week is seen
in training. A word that no text of the training has is as near to a picture as chance has it.
"""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from firsthand.toy.week import world
from firsthand.toy.week.motion import TABLE_SIZE, Box, layout, slot_centre
from firsthand.toy.week.render import render_frame
from firsthand.toy.week.world import CELL, HEIGHT, WIDTH, State, random_state

SIZE, PATCH, LONGEST = 48, 8, 16
DRAWN, STEPS, BATCH, RATE, SPARE = 5000, 600, 64, 1e-3, 6  # SPARE: pixels by which a crop is moved
MARKS = ["<pad>", "<start>", "<end>", "<other>"]


class Crop(NamedTuple):
    pixels: np.ndarray  # uint8 [SIZE, SIZE, 3]
    text: str
    about: tuple[str, str]  # place and thing: what makes two pairs equal


def random_crop(rng: random.Random) -> Crop:
    state = random_state(rng)
    frame, draw, region = render_frame(state), rng.random(), layout(state).region
    if region and draw < 0.7:
        return Crop(_cut(frame, region, rng), _in_hand(state, rng), ("hand", str(state.thing)))
    if draw < 0.9:
        slot = rng.randrange(world.SLOTS)
        thing, (x, y) = state.table[slot], slot_centre(state.jitter.dx, state.jitter.dy, slot)
        half = TABLE_SIZE / 2 + 3
        box = (round(x - half), round(y - half), round(x + half), round(y + half))
        return Crop(
            _cut(frame, box, rng), rng.choice((thing, f"the {thing}", f"the {thing} on the table")), ("table", thing)
        )
    x = rng.randrange(WIDTH - CELL)
    return Crop(_cut(frame, (x, 0, x + CELL, CELL), rng), f"the {state.room}", ("wall", state.room))


def _in_hand(state: State, rng: random.Random) -> str:
    thing, hand = state.thing, state.hand
    forms = (
        thing,
        f"the {thing}",
        f"the {thing} in my hand",
        f"my {hand} hand has the {thing}",
        f"i {state.verb} the {thing}",
    )
    return str(rng.choice(forms))


def _cut(frame: np.ndarray, box: Box, rng: random.Random) -> np.ndarray:
    from PIL import Image

    moved = [side + rng.randint(-SPARE, SPARE) for side in box]
    x0, y0 = max(0, min(moved[0], WIDTH - 8)), max(0, min(moved[1], HEIGHT - 8))
    x1, y1 = min(WIDTH, max(moved[2], x0 + 8)), min(HEIGHT, max(moved[3], y0 + 8))
    return np.array(Image.fromarray(frame[y0:y1, x0:x1]).resize((SIZE, SIZE), Image.Resampling.BICUBIC))


def make(out: Path, train: bool, seed: int = 0, tick: Callable[[int, int], None] = lambda done, total: None) -> int:
    """Writes the model; returns how many parameters it has."""
    import torch

    torch.manual_seed(seed)
    tokenizer = _tokenizer()
    model = _model(tokenizer)
    processor = _processor(tokenizer)
    if train:
        _train(model, processor, random.Random(seed), tick)
    model.save_pretrained(out)
    processor.save_pretrained(out)
    return sum(weight.numel() for weight in model.parameters())


def _model(tokenizer: Any) -> Any:
    from transformers import CLIPConfig, CLIPModel

    shared = dict(hidden_size=128, intermediate_size=256, num_attention_heads=4, projection_dim=64)
    ends = dict(zip(("pad_token_id", "bos_token_id", "eos_token_id"), range(3), strict=True))
    text = shared | ends | dict(vocab_size=len(tokenizer), num_hidden_layers=2, max_position_embeddings=LONGEST)
    vision = shared | dict(image_size=SIZE, patch_size=PATCH, num_hidden_layers=3)
    return CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=64))


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    known = {word: number for number, word in enumerate([*MARKS, *world.WORDS])}
    words = Tokenizer(models.WordLevel(known, unk_token="<other>"))
    words.normalizer, words.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(
        single="<start> $A <end>", special_tokens=[("<start>", 1), ("<end>", 2)]
    )
    named = dict(zip(("pad_token", "bos_token", "eos_token", "unk_token"), MARKS, strict=True))
    return PreTrainedTokenizerFast(tokenizer_object=words, model_max_length=LONGEST, **named)


def _processor(tokenizer: Any) -> Any:
    from transformers import CLIPImageProcessor, CLIPProcessor

    half = [0.5, 0.5, 0.5]
    sizes: dict[str, Any] = dict(size={"height": SIZE, "width": SIZE}, do_center_crop=False)
    return CLIPProcessor(CLIPImageProcessor(**sizes, image_mean=half, image_std=half), tokenizer)


def _train(model: Any, processor: Any, rng: random.Random, tick: Callable[[int, int], None]) -> None:
    """Symmetric InfoNCE; all pairs of a batch that show the same thing in the same place count as right."""
    import torch

    drawn = [random_crop(rng) for _ in range(DRAWN)]
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=STEPS)
    model.train()
    for step in range(1, STEPS + 1):
        batch = rng.sample(drawn, BATCH)
        inputs = processor(
            text=[c.text for c in batch], images=[c.pixels for c in batch], padding=True, return_tensors="pt"
        )
        same = torch.tensor([[float(one.about == other.about) for other in batch] for one in batch])
        wanted, scores = same / same.sum(1, keepdim=True), model(**inputs).logits_per_image
        cross = torch.nn.functional.cross_entropy
        loss = (cross(scores, wanted) + cross(scores.T, wanted)) / 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        tick(step, STEPS)
    model.eval()
