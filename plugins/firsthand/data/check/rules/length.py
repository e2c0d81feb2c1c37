"""The length of a row in tokens, media included, against what the recipe and the model can hold."""

from collections.abc import Iterator

from firsthand.data.check.kinds import Found, kind
from firsthand.media.limits import Limits

LONG = kind(
    "too-long",
    "error",
    "rows longer than the recipe allows",
    "raise the limit, show fewer frames, or lower the pixel budget: cut media break the model",
)
CONTEXT = kind("too-long-model", "error", "rows longer than the model can hold", "show fewer frames or fewer pixels")
REFUSED = kind(
    "refused", "error", "rows that the processor or the chat template refuses", "see the message; mend media or turns"
)
UNCOUNTED = kind(
    "uncounted",
    "info",
    "rows whose tokens were not counted",
    "mend what else is wrong with them; video files of questions are sampled as they are asked",
)


def check(tokens: int, limits: Limits, context: int | None) -> Iterator[Found]:
    if limits.tokens is not None and tokens > limits.tokens:
        yield LONG, f"{tokens} tokens, {limits.key} is {limits.tokens}"
    if context is not None and tokens > context:
        yield CONTEXT, f"{tokens} tokens, the model's context is {context}"
