"""`<image>` and `<video>` against the media of the row: frameworks match them one by one, in order."""

from collections.abc import Iterator

from firsthand.data.read.sample import Sample
from firsthand.findings import InRow, row_rule

COUNT = row_rule(
    "placeholders",
    "error",
    "placeholders and media differ in number",
    "write one <image> or <video> in the text for each of the row's media",
)
SYSTEM = row_rule(
    "placeholder-system",
    "error",
    "placeholders in the system prompt",
    "move them to the user's turn: LLaMA-Factory does not expand them in a system prompt",
)
CONTROL = row_rule(
    "control-token",
    "error",
    "the model's control tokens written in a text",
    "remove them: the text would end the turn, or claim media that are not there",
)
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
