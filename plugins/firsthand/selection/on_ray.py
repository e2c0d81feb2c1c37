"""The same scores from Ray Data: one asynchronous actor for each server, for pools of 100,000 rows and more.

Paths travel, never frames: an actor reads and masks what it sends, with the client that one process uses too. Each
actor has a log of its own; what any log knows of a row travels with it. `out` and media must be on a shared disk.
"""

import pickle
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from firsthand.selection.generations import Generations, Line, read_all
from firsthand.selection.ledger import Entry
from firsthand.selection.recipe import Recipe
from firsthand.selection.run import Inputs
from firsthand.selection.sampling import Planner, Sampler
from firsthand.selection.scoring import Scorer
from firsthand.selection.servers import Servers

Batch = dict[str, Any]


class Actor:
    """Belongs to one server, and asks another one only when that has gone."""

    def __init__(self, recipe: Recipe, root: Path, planner: Planner, places: Any) -> None:
        import ray

        assert recipe.policy and recipe.reward
        self.place = ray.get(places.take.remote())
        self.servers = Servers(recipe.policy)
        self.generations = Generations(recipe.generations / f"{self.place}.jsonl")
        self.sampler = Sampler(recipe, root, self.servers, Scorer(recipe.reward), self.generations, planner)

    async def __call__(self, batch: Batch) -> AsyncIterator[Batch]:
        import asyncio

        tasks = [asyncio.create_task(self._entry(pickle.loads(packed))) for packed in batch["row"]]
        try:
            for task in asyncio.as_completed(tasks):
                yield {"entry": [(await task).model_dump_json()]}
        finally:  # also after a failure: the answers of the others are paid for
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _entry(self, packed: tuple[Any, Any, list[Line]]) -> Entry:
        row, region, known = packed
        self.generations.learn(known)
        return await self.sampler.entry(row, region, self.place)


class Places:
    """Gives each actor a number: its server and its log."""

    def __init__(self) -> None:
        self.taken = 0

    def take(self) -> int:
        self.taken += 1
        return self.taken - 1


def on_ray(inputs: Inputs, planner: Planner) -> list[Entry]:
    import asyncio

    import ray

    recipe, policy = inputs.recipe, inputs.recipe.policy
    recipe = recipe.model_copy(update={"out": recipe.out.resolve()})
    assert policy
    asyncio.run(_check(recipe))
    known: dict[str, list[Line]] = defaultdict(list)
    for line in read_all(recipe.generations):
        known[line["row"]].append(line)
    places = ray.remote(num_cpus=0)(Places).remote()
    rows = [{"row": pickle.dumps((row, inputs.regions.get(row.id), known.get(row.id, [])))} for row in inputs.pool]
    entries = (
        ray.data.from_items(rows, override_num_blocks=max(1, min(len(rows), 8 * len(policy.servers))))
        .map_batches(
            Actor,
            fn_constructor_args=(recipe, inputs.pool.root.resolve(), planner, places),
            concurrency=len(policy.servers),
            batch_size=policy.concurrency,
        )
        .take_all()
    )
    found = [Entry.model_validate_json(entry["entry"]) for entry in entries]
    return sorted(found, key=lambda entry: entry.number)


async def _check(recipe: Recipe) -> None:
    assert recipe.policy
    servers = Servers(recipe.policy)
    try:
        await servers.check()
    finally:
        await servers.close()
