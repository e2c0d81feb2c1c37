"""The curriculum of one training: its probes, its active rows, and the decision to change them.

The outer loop and the trainer that swaps its data inside one run both hold one, show it the policy of today behind a
server, and train on what `active` says.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from firsthand.curriculum.recipe import Recipe
from firsthand.curriculum.recuration import ranked, recurated
from firsthand.curriculum.samplers import LeastRecent
from firsthand.curriculum.stagnation import Stagnation
from firsthand.errors import UserError
from firsthand.selection.baselines import PassRate
from firsthand.selection.csm import Csm
from firsthand.selection.gates import SometimesRight
from firsthand.selection.ledger import UNANSWERED, Entry
from firsthand.selection.methods import Method
from firsthand.selection.pool import Pool
from firsthand.selection.recipe import Recipe as Selection
from firsthand.selection.run import Inputs, scored
from firsthand.tools.settings import read_as

PARTS = ("stagnation", "sampler", "gate")  # have a state of their own


class Curriculum:
    def __init__(self, recipe: Recipe, say: Callable[[str], None] = print) -> None:
        self.recipe, self.say = recipe, say
        self.selection = read_as(Selection, recipe.select)
        if not isinstance(self.selection.method, Csm) or not (self.selection.policy and self.selection.reward):
            raise UserError(f"{recipe.select}: a curriculum ranks rows; it needs method `csm`, `policy` and `reward`")
        self.method, self.policy = self.selection.method, self.selection.policy
        self.pool = Pool(self.selection.pool, self.selection.media_root)
        self.numbers = {row.id: row.number for row in self.pool if row.has_media}
        self.probes = LeastRecent([*self.numbers], recipe.seed).next(recipe.probes)
        first, probes = {row.id for row in Pool(recipe.start, self.selection.media_root)}, set(self.probes)
        trainable = [id for id in self.numbers if id not in probes]
        self.active = [id for id in trainable if id in first]
        if not self.active:
            raise UserError(
                f"{recipe.start}: none of its rows is in the pool and no probe; correct `start` or `probes`"
            )
        self.stagnation = Stagnation(recipe.stagnation, recipe.total_steps)
        self.sampler = LeastRecent(trainable, recipe.seed)
        self.gate = SometimesRight()
        self.updates: list[dict[str, Any]] = []

    def state(self) -> dict[str, Any]:
        parts = {name: getattr(self, name).state() for name in PARTS}
        return {"probes": self.probes, "active": self.active, "updates": self.updates, **parts}

    def resume(self, state: Mapping[str, Any]) -> None:
        if state["probes"] != self.probes:
            raise UserError(f"{self.recipe.out} was begun with other probes: pool, `probes` or `seed` have changed")
        self.active, self.updates = list(state["active"]), list(state["updates"])
        for name in PARTS:
            getattr(self, name).resume(state[name])

    def rows(self, name: str, ids: Sequence[str] | None = None) -> Path:
        """A file of rows in the format of the pool, by default of the active ones."""
        path = self.recipe.out / f"{name}{self.selection.pool.suffix}"
        self.pool.write({self.numbers[id] for id in (self.active if ids is None else ids)}, path)
        return path

    def look(self, step: int, servers: Sequence[str], model: str) -> bool:
        """Shows it the policy after `step` steps. True: other rows are active now. Nothing is asked twice."""
        method = PassRate(name="pass_rate", samples=self.method.samples)
        probed = self._ask(step, "probe", self.probes, method, servers, model)
        self.stagnation.observe(step, {entry.id: entry.scores["full"].accuracy for entry in probed})
        self.say(f"step {step}: " + ", ".join(f"{name} {x:.3f}" for name, x in self.stagnation.metrics().items()))
        return self.stagnation.admit(step) and self._update(step, servers, model)

    def _update(self, step: int, servers: Sequence[str], model: str) -> bool:
        slice_ = self.sampler.next(self.recipe.slice)
        method = self.method.model_copy(update={"share": 1.0})  # survivors are scored whole, and ranked
        entries = self._ask(step, "slice", slice_, method, servers, model)
        self.sampler.observe(step, slice_)
        best = ranked(entries, method.decide(entries, self._has_form), self.method.fine, self.gate)
        seed = f"{self.recipe.seed} {step}"
        update = recurated(self.active, best, len(self.active), self.recipe.replay, seed)
        self.stagnation.change(step)
        self.updates.append({"step": step, "good": len(best), **update._asdict(), "overlap": update.overlap})
        self.active = update.active
        self.say(f"  {len(update.entered)} rows enter, {len(update.left)} leave; {len(best)} of {len(slice_)} are good")
        return bool(update.entered)

    @property
    def _has_form(self) -> bool:
        return bool(self.selection.reward and self.selection.reward.form)

    def _ask(
        self, step: int, name: str, ids: Sequence[str], method: Method, servers: Sequence[str], model: str
    ) -> list[Entry]:
        """The rows with their scores. Each step has its folder: the policy is another one, whatever its name."""
        folder = f"asked/step_{step:06d}"
        policy = self.policy.model_copy(update={"servers": [*servers], "model": model})
        changes = {"pool": self.rows(f"{folder}/{name}", ids), "media_root": self.pool.root, "method": method}
        recipe = self.selection.model_copy(update=changes | {"policy": policy, "out": self.recipe.out / folder})
        entries = scored(Inputs.open(recipe))
        if failed := [entry for entry in entries if entry.reason == UNANSWERED]:
            raise UserError(f"{len(failed)} of {len(entries)} rows have no scores ({failed[0].why}); run it again")
        return entries
