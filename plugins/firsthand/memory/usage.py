"""What models' replies took, in calls, tokens and dollars."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from firsthand.llm.price import Prices


@dataclass
class Usage:
    """What one model took."""

    calls: int = 0  # made in this run
    reused: int = 0  # kept from earlier runs
    cut: int = 0  # replies that ended at max_tokens
    prompt_tokens: int = 0  # of calls and kept replies together: what the memory took in all
    completion_tokens: int = 0

    def add(self, other: "Usage") -> None:
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


def report(usages: Iterable[Mapping[str, Usage]], prices: Prices) -> list[str]:
    """One line per model."""
    total: dict[str, Usage] = {}
    for usage in usages:
        for model, one in usage.items():
            total.setdefault(model, Usage()).add(one)
    lines = []
    for model, one in sorted(total.items()):
        line = f"{model}: {one.calls} calls, {one.reused} replies kept from earlier runs, {one.cut} cut short; "
        line += f"in all {one.prompt_tokens} tokens in, {one.completion_tokens} out"
        if model in prices:
            line += f", {prices[model].of(one.prompt_tokens, one.completion_tokens):.4f} US dollars"
        lines.append(line)
    return lines
