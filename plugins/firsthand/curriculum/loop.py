"""`firsthand curriculum run`: rounds of training, a probing after each, and new rows when nothing changes any more.

OUT/state.json          round, active rows and all that was observed: written after each step, so a killed run goes on
OUT/probe.*             the probing set: fixed, and never trained on
OUT/rows/round_N.*      what round N trains on
OUT/train/              veRL's checkpoints; OUT/models/ what is served of them
OUT/curriculum.html     S over time, and what entered and left
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from firsthand import files
from firsthand.curriculum import rounds
from firsthand.curriculum.recipe import Recipe
from firsthand.curriculum.recuration import ranked, recurated
from firsthand.curriculum.samplers import LeastRecent
from firsthand.curriculum.stagnation import Stagnation
from firsthand.errors import UserError
from firsthand.selection.baselines import PassRate
from firsthand.selection.csm import Csm
from firsthand.selection.ledger import UNANSWERED, Entry
from firsthand.selection.pool import Pool
from firsthand.selection.recipe import Recipe as Selection
from firsthand.selection.run import Inputs, in_this_process
from firsthand.tools.settings import read_as


class Trainer(Protocol):
    """How the rounds are trained and the policy is served; tests put another one here."""

    def train(self, number: int, rows: Path) -> None: ...
    def served(self, number: int) -> AbstractContextManager[tuple[str, str]]: ...  # server and model


@dataclass
class Verl:
    recipe: Recipe

    def train(self, number: int, rows: Path) -> None:
        rounds.train(self.recipe, number, rows)

    @contextmanager
    def served(self, number: int):
        from firsthand.serving.export import export
        from firsthand.serving.vllm_server import vllm_server

        model = self.recipe.out / "models" / f"round_{number}"
        if not (model / "config.json").exists():
            step = (number + 1) * self.recipe.steps
            export(self.recipe.checkpoints / f"global_step_{step}", [], model, None)
        serve = self.recipe.serve
        log = self.recipe.out / "logs" / f"serve_{number}.log"
        with vllm_server(model, model.name, log, serve.max_model_len, serve.options) as server:
            yield server, model.name


@dataclass
class Loop:
    recipe: Recipe
    selection: Selection
    method: Csm
    trainer: Trainer
    say: Callable[[str], None]
    numbers: dict[str, int] = field(default_factory=dict)  # row -> its number in the pool
    probes: list[str] = field(default_factory=list)
    active: list[str] = field(default_factory=list)
    number: int = 0  # the round
    fresh: bool = False  # the rows have changed since the last checkpoint
    updates: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.pool = Pool(self.selection.pool, self.selection.media_root)
        self.numbers = {row.id: row.number for row in self.pool if row.asked and row.has_media}
        self.suffix = self.selection.pool.suffix
        self.stagnation = Stagnation(self.recipe.stagnation, self.recipe.total_steps)
        self.sampler = LeastRecent((), self.recipe.seed)

    # -- state ---------------------------------------------------------------------------------------------------------

    @property
    def state_file(self) -> Path:
        return self.recipe.out / "state.json"

    def begin(self) -> None:
        """From the state of an earlier run, or from the first rows."""
        if self.state_file.exists():
            state = files.read_json(self.state_file)
            self.probes, self.active, self.updates = state["probes"], state["active"], state["updates"]
            self.number, self.fresh = state["round"], state["fresh"]
            self.stagnation.resume(state["stagnation"])
        else:
            self._divide()
        trained = set(self.probes)
        self.sampler = LeastRecent([id for id in self.numbers if id not in trained], self.recipe.seed)
        if self.state_file.exists():
            self.sampler.resume(files.read_json(self.state_file)["sampler"])
        else:
            self.save()

    def _divide(self) -> None:
        """The probing set is drawn from the pool once; the first rows lose what it took."""
        drawn = LeastRecent([*self.numbers], self.recipe.seed).next(self.recipe.probes)
        first = [row.id for row in Pool(self.recipe.start, self.selection.media_root)]
        self.probes = drawn
        self.active = [id for id in first if id in self.numbers and id not in set(drawn)]
        if not self.active:
            raise UserError(
                f"{self.recipe.start}: no row of it is left; it shares none with the pool, or `probes` took all"
            )
        self._write("probe", drawn)

    def save(self) -> None:
        files.write_json(
            self.state_file,
            {
                "round": self.number,
                "fresh": self.fresh,
                "probes": self.probes,
                "active": self.active,
                "updates": self.updates,
                "stagnation": self.stagnation.state(),
                "sampler": self.sampler.state(),
            },
        )

    # -- a round -------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        self.begin()
        while self.number < self.recipe.rounds:
            rows = self._write(f"rows/round_{self.number}", self.active)
            if self.fresh:
                rounds.put_away(self.recipe.checkpoints)
                self.fresh = False
                self.save()
            self.say(f"round {self.number}: {len(self.active)} rows, to step {self._step}")
            self.trainer.train(self.number, rows)
            with self.trainer.served(self.number) as (server, model):
                self._look(server, model)
            self.number += 1
            self.save()
            self.write_page()

    @property
    def _step(self) -> int:
        return (self.number + 1) * self.recipe.steps

    def _look(self, server: str, model: str) -> None:
        method = PassRate(name="pass_rate", samples=self.method.samples)
        probed = self._ask("probe", self.probes, method, server, model)
        self.stagnation.observe(self._step, {entry.id: entry.scores["full"].accuracy for entry in probed})
        self.say("  " + ", ".join(f"{name} {value:.3f}" for name, value in self.stagnation.metrics().items()))
        if self.stagnation.admit(self._step):
            self._update(server, model)

    def _update(self, server: str, model: str) -> None:
        slice_ = self.sampler.next(self.recipe.slice)
        method = self.method.model_copy(update={"share": 1.0})  # survivors are scored whole, and ranked
        entries = self._ask(f"slices/round_{self.number}", slice_, method, server, model)
        self.sampler.observe(self._step, slice_)
        best = ranked(entries, method.decide(entries, self.selection.reward.form is not None), self.method.fine)  # type: ignore[union-attr]
        seed = f"{self.recipe.seed} {self.number}"
        update = recurated(self.active, best, len(self.active), self.recipe.replay, seed)
        self.stagnation.change(self._step)
        self.updates.append({"step": self._step, "good": len(best), **update._asdict(), "overlap": update.overlap})
        self.active, self.fresh = update.active, bool(update.entered or update.left)
        self.say(f"  {len(update.entered)} rows enter, {len(update.left)} leave; {len(best)} of {len(slice_)} are good")

    def _ask(self, name: str, ids: Sequence[str], method: Any, server: str, model: str) -> list[Entry]:
        """The rows with their scores by the policy of this round. Each round has its own name of the model, so that
        nothing of an earlier one is taken for it."""
        pool = self._write(name, ids)
        policy = self.selection.policy.model_copy(update={"servers": [server], "model": model})  # type: ignore[union-attr]
        changes = {"pool": pool, "media_root": self.pool.root, "method": method, "policy": policy}
        recipe = self.selection.model_copy(update=changes | {"out": self.recipe.out / "asked"})
        inputs = Inputs.open(recipe)
        assert inputs.scorer
        entries = in_this_process(inputs, method.planner(inputs.scorer.has_form, None))
        if method.needs_centre:
            centre = method.centre(entries)
            entries = in_this_process(inputs, method.planner(inputs.scorer.has_form, centre))
        if failed := [entry for entry in entries if entry.reason == UNANSWERED]:
            raise UserError(f"{len(failed)} of {len(entries)} rows have no scores ({failed[0].why}); run it again")
        return entries

    def _write(self, name: str, ids: Sequence[str]) -> Path:
        path = self.recipe.out / f"{name}{self.suffix}"
        self.pool.write({self.numbers[id] for id in ids}, path)
        return path

    def write_page(self) -> None:
        from firsthand.curriculum.page import write

        write(self)


def run(recipe: Recipe, trainer: Trainer | None = None, say: Callable[[str], None] = print) -> Loop:
    selection = read_as(Selection, recipe.select)
    if not isinstance(selection.method, Csm):
        raise UserError(f"{recipe.select}: method {selection.method.name} ranks no rows; a curriculum needs `csm`")
    with files.alone(recipe.out, "curriculum"):
        loop = Loop(recipe, selection, selection.method, trainer or Verl(recipe), say)
        loop.run()
    return loop
