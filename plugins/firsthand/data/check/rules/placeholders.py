"""`<image>` and `<video>` against the media of the row: frameworks match them one by one, in order."""

from collections.abc import Iterator

from firsthand.data.read.sample import Sample
from firsthand.findings import ROW_RULES, InRow

COUNT = ROW_RULES["placeholders"]
SYSTEM = ROW_RULES["placeholder-system"]
CONTROL = ROW_RULES["control-token"]
TOKENS = (
    "<|image_pad|>",
    "<|video_pad|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|endoftext|>",
)


def check(sample: Sample) -> Iterator[InRow]:
    strict = sample.form == "llamafactory"
    texts = [turn.text for turn in sample.turns if turn.role != "system" or not strict]
    for name, media in (("<image>", sample.images), ("<video>", sample.videos), ("<audio>", ())):
        written = sum(text.count(name) for text in texts)
        if written != len(media):
            yield COUNT, f"{written} {name} in the text for {len(media)} media"
        if strict and any(name in turn.text for turn in sample.turns if turn.role == "system"):
            yield SYSTEM, f"{name} in the system prompt"
    for token in TOKENS:
        if any(token in turn.text for turn in sample.turns):
            yield CONTROL, f"{token} in a text"
