"""What models' replies took, in calls, tokens and dollars."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from firsthand.errors import UserError

Prices = Mapping[str, tuple[float, float]]  # model -> US dollars for a million tokens in, and out


@dataclass
class Usage:
    """Of one model."""

    calls: int = 0  # made in this run
    reused: int = 0  # kept from earlier runs
    cut: int = 0  # replies that ended at max_tokens
    prompt_tokens: int = 0  # of calls and kept replies together: what the memory took in all
    completion_tokens: int = 0

    def add(self, other: "Usage") -> None:
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


def read_prices(texts: Iterable[str]) -> Prices:
    prices = {}
    for text in texts:
        model, _, numbers = text.rpartition("=")
        try:
            to_read, to_write = map(float, numbers.split(","))
        except ValueError:
            raise UserError(
                f"--price {text}: write MODEL=IN,OUT, dollars for a million tokens: qwen=0.15,0.6"
            ) from None
        prices[model] = (to_read, to_write)
    return prices


def report(usages: Iterable[Mapping[str, Usage]], prices: Prices) -> list[str]:
    """A line for each model."""
    total: dict[str, Usage] = {}
    for usage in usages:
        for model, one in usage.items():
            total.setdefault(model, Usage()).add(one)
    lines = []
    for model, one in sorted(total.items()):
        line = f"{model}: {one.calls} calls, {one.reused} replies kept from earlier runs, {one.cut} cut short; "
        line += f"in all {one.prompt_tokens} tokens in, {one.completion_tokens} out"
        if model in prices:
            to_read, to_write = prices[model]
            line += f", {(one.prompt_tokens * to_read + one.completion_tokens * to_write) / 1e6:.4f} US dollars"
        lines.append(line)
    return lines
