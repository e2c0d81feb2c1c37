"""Where the calls of all transports arrive: up to `at_work` of each tool run at a time, the others wait.

Each tool has its own places: one whose service hangs takes none from the others.
"""

import asyncio
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from firsthand.tools.protocol import Budget, Context, Outcome
from firsthand.tools.toolbox import UNKNOWN, Toolbox


class CallQueue:
    def __init__(self, toolbox: Toolbox, at_work: int, budget: Budget):
        self.toolbox, self.budget, self.in_flight = toolbox, budget, 0
        self._places = {name: asyncio.Semaphore(at_work) for name in toolbox.names}

    async def call(self, name: str, arguments: Any, context: Context) -> Outcome:
        self.in_flight += 1
        try:
            async with self._places.get(name) or nullcontext():
                return await self.toolbox.call(name, arguments, replace(context, budget=self.budget))
        finally:
            self.in_flight -= 1

    def refuse(self, correction: str) -> Outcome:
        """What a model wrote is not a call of any tool."""
        outcome = Outcome("user_error", correction)
        self.toolbox.counters.add(UNKNOWN, outcome)
        return outcome
