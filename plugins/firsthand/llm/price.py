"""What tokens cost."""

from collections.abc import Iterable, Mapping

from pydantic import BaseModel

from firsthand.errors import UserError


class Price(BaseModel):
    """US dollars for a million tokens."""

    prompt: float = 0.0
    completion: float = 0.0

    def of(self, prompt_tokens: int, completion_tokens: int) -> float:
        return (prompt_tokens * self.prompt + completion_tokens * self.completion) / 1e6


Prices = Mapping[str, Price]  # by model


def read_prices(texts: Iterable[str]) -> Prices:
    """From `MODEL=IN,OUT` of a command line."""
    prices = {}
    for text in texts:
        model, _, numbers = text.rpartition("=")
        try:
            to_read, to_write = map(float, numbers.split(","))
        except ValueError:
            raise UserError(
                f"--price {text}: write MODEL=IN,OUT, dollars for a million tokens: qwen=0.15,0.6"
            ) from None
        prices[model] = Price(prompt=to_read, completion=to_write)
    return prices
