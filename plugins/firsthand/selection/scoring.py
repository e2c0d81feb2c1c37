"""The reward of a training recipe, applied to what a model said about a row."""

import inspect
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

from firsthand.errors import UserError
from firsthand.llm.reply_cache import key_of
from firsthand.rewards.function import of_recipe
from firsthand.selection.pool import Row
from firsthand.selection.recipe import Reward

Score = tuple[float, float | None]  # accuracy, form


class Scorer:
    def __init__(self, settings: Reward) -> None:
        self.settings = settings
        _, self.reward = of_recipe(settings.recipe)
        self.thread = ThreadPoolExecutor(1, "reward")  # a reward may hold a client of a judge: one loop, one thread

    @cached_property
    def digest(self) -> str:
        """Of everything that decides a score beside the answer."""
        file = inspect.getsourcefile(self.reward.function)
        source = Path(file).read_text() if file else ""
        settings = {key: str(value) for key, value in self.reward.settings.items()}
        return key_of([source, settings, self.settings.accuracy, self.settings.form])

    @property
    def has_form(self) -> bool:
        return self.settings.form is not None

    def score(self, row: Row, text: str) -> Score | None:
        """None: it could not be measured, because a judge failed."""
        parts = self.reward.score(text, row.truth, row.info, row.data_source)
        accuracy, form = self._part(parts, self.settings.accuracy), None
        if self.settings.form:
            form = self._part(parts, self.settings.form)
        return None if accuracy != accuracy or (form is not None and form != form) else (accuracy, form)

    def _part(self, parts: dict[str, float], name: str) -> float:
        if name not in parts:
            has = ", ".join(parts)
            raise UserError(f"{self.settings.recipe}: its reward has no part `{name}`; `reward` may name {has}")
        value = parts[name]
        if not 0 <= value <= 1 and value == value:
            raise UserError(f"{self.settings.recipe}: part `{name}` is {value}; selection takes parts from 0 to 1")
        return value
