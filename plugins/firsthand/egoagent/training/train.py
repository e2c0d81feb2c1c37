"""The loop. A batch, the schedules and the augmentation are functions of the step; a checkpoint is the rest."""

import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor
from torch.distributed.tensor import DTensor

from firsthand import files
from firsthand.egoagent.clips import Clips
from firsthand.egoagent.model.config import EgoAgentConfig
from firsthand.egoagent.model.model import EgoAgentModel
from firsthand.egoagent.training import checkpoints, health, record
from firsthand.egoagent.training.augment import ClipBatch, lit, views_of
from firsthand.egoagent.training.batches import Batches
from firsthand.egoagent.training.learner import COUNTS, SUMS, Found, Learner, pose_statistics
from firsthand.egoagent.training.machinery import fit_to_machine, open_accelerator, optimizer_of
from firsthand.egoagent.training.schedules import Values, values
from firsthand.egoagent.training.settings import Recipe
from firsthand.progress import progress_bar

LOGGED = ("rep", "pred", "act", "confidence")
STATISTICS = 512  # the clips whose poses give mean and scale: the first of the stream, however it is cut into batches


class NotFinite(Exception):
    """A loss or a gradient is NaN or infinite; the state before it is saved."""


@dataclass
class Part:
    """One micro-batch on the device."""

    views: tuple[Tensor, Tensor]
    clips: ClipBatch | None


class Trainer:
    def __init__(self, recipe: Recipe, batches: Batches, console: Console | None = None):
        self.recipe, self.batches = recipe, batches
        self.out, self.console = Path(recipe.output_dir), console or Console(stderr=True)
        self.accelerator = accelerator = open_accelerator(recipe)
        record.begin(recipe, batches.facts(), accelerator)
        learner = fit_to_machine(self._learner(), recipe, accelerator.num_processes)
        self.wrapped, self.optimizer = accelerator.prepare(learner, optimizer_of(learner, recipe))
        self.learner: Learner = accelerator.unwrap_model(self.wrapped)
        self.progress = checkpoints.Progress()
        accelerator.register_for_checkpointing(self.progress)
        checkpoints.resume(accelerator, self.checkpoints)
        self.before = self.progress.processor_seconds
        self.metrics = record.Metrics(self.out, accelerator, self.progress.step)

    @property
    def checkpoints(self) -> Path:
        return self.out / "checkpoints"

    def _learner(self) -> Learner:
        recipe = self.recipe
        torch.manual_seed(recipe.seed)
        learner = Learner(EgoAgentModel(EgoAgentConfig(**recipe.model)), recipe.loss, recipe.egoagent)
        checkpoints.start_from(learner, recipe.start)
        if recipe.joint and recipe.loss.pose_normalisation == "train":
            batches = math.ceil(STATISTICS / recipe.batch.clips)
            first = [clips for clips, _ in islice(self.batches.clips(0, 0, 1), batches)]
            poses, visible = torch.cat([one.poses for one in first]), torch.cat([one.visible for one in first])
            found = pose_statistics(poses[:STATISTICS], visible[:STATISTICS])
            for model in (learner.student, learner.teacher):
                model.pose_mean.copy_(found.mean)
                model.pose_scale.copy_(found.scale)
        return learner

    def run(self) -> str:
        """Trains to the end of the stage, and returns why it ended."""
        parts = self.parts()
        self.wrapped.train()  # the teacher too, as in the paper's lineage
        accelerator, steps = self.accelerator, self.recipe.schedule.steps
        bar = progress_bar(console=self.console, transient=True)
        bar.disable = not accelerator.is_main_process
        with bar:
            task = bar.add_task(self.recipe.egoagent, total=self.recipe.most_steps, completed=self.progress.step)
            while not (ended := self._ended()):
                began = time.monotonic()
                found = self.step(list(islice(parts, self.recipe.batch.micro_batches)))
                self.look(found, time.monotonic() - began)
                if self.progress.step % self.recipe.keep.checkpoint_every == 0:
                    self.save()
                said = f"{self.recipe.egoagent} loss {float(found['loss']):.3f}"
                bar.update(task, completed=self.progress.step, description=said)
                if self.progress.step % steps == 0 and not self._ended():
                    self._say(f"step {self.progress.step}: {health.SAID['plateau']}; another {steps} steps begin")
        if ended == "plateau":
            self._say(f"{self.out}: {health.SAID['plateau']}. A stage 2 that starts from here is not likely to learn.")
        self.save()
        checkpoints.publish(accelerator, self.wrapped, self.recipe)
        if accelerator.is_main_process:
            files.write_json(self.out / "ended.json", {"why": ended, **asdict(self.progress)})
        accelerator.end_training()
        return ended

    def _ended(self) -> str | None:
        """Stage 1 ends at the end of a round whose teacher has left the plateau; stage 2 after its steps."""
        step, steps = self.progress.step, self.recipe.schedule.steps
        if step and step % steps == 0 and (self.recipe.joint or self.progress.gap > health.LEARNING_GAP):
            return "steps" if self.recipe.joint else "learning"
        return "plateau" if step >= self.recipe.most_steps else None

    # -- one step ------------------------------------------------------------------------------------------------------

    def parts(self) -> Iterator[tuple[tuple[Tensor, Tensor], tuple[Clips, Tensor] | None]]:
        """The micro-batches of this rank, from the step that comes."""
        accelerator = self.accelerator
        place = (accelerator.process_index, accelerator.num_processes)
        start = self.progress.tried * self.recipe.batch.micro_batches
        images = self.batches.images(start, *place)
        if not self.recipe.joint:
            return ((one, None) for one in images)
        return zip(images, self.batches.clips(start, *place), strict=False)

    def step(self, parts: list[Any]) -> Found:
        """One update from all micro-batches of this rank; what it returns is the same on every rank."""
        accelerator, now = self.accelerator, values(self.recipe.schedule, self.progress.step)
        self._set(now)
        expected = self._expected_visible(parts)
        kept: Found = {}
        norm: Any = None
        for raw in parts:
            part = self._on_device(raw, expected)
            with accelerator.accumulate(self.wrapped):
                loss, found = self.wrapped(*part.views, part.clips)
                self._must_be_finite(loss.detach(), {name: found[name].detach() for name in LOGGED if name in found})
                accelerator.backward(loss)
                if accelerator.sync_gradients:
                    norm = accelerator.clip_grad_norm_(self.wrapped.parameters(), self.recipe.schedule.clip)
                    norm = norm.full_tensor() if isinstance(norm, DTensor) else norm
                    if (
                        isinstance(norm, Tensor) and accelerator.scaler is None
                    ):  # scalers and DeepSpeed skip by themselves
                        self._must_be_finite(norm, {"the gradient's norm": norm})
                self.optimizer.step()
                self.optimizer.zero_grad()
            for name, value in {"loss": loss, **found}.items():
                kept[name] = kept[name] + value.detach() if name in kept else value.detach()
        kept = self._reduced(kept, len(parts))
        self.progress.tried += 1
        if not accelerator.optimizer_step_was_skipped:
            self.learner.after_applied_step(now.momentum, kept)
            self.progress.step += 1
        return kept | {"learning_rate": torch.tensor(now.learning_rate), "norm": torch.tensor(float(norm or 0.0))}

    def _set(self, now: Values) -> None:
        loss = self.recipe.loss
        self.learner.act = loss.late_act if now.late and loss.late_act is not None else loss.act
        for group in self.optimizer.param_groups:
            group["lr"] = now.learning_rate
            group["weight_decay"] = now.weight_decay if group["decays"] else 0.0

    def _expected_visible(self, parts: list[Any]) -> Tensor | None:
        """Visible joints of a micro-batch, the mean over all ranks and micro-batches of this step."""
        if not self.recipe.joint:
            return None
        mine = torch.tensor([float(clips.visible.sum()) for _, (clips, _) in parts], device=self.accelerator.device)
        mean: Tensor = self.accelerator.reduce(mine.mean(), "mean")
        return mean.clamp(min=1)

    def _on_device(self, raw: Any, expected: Tensor | None) -> Part:
        (images, draws), with_clips = raw
        device, given, seed = self.accelerator.device, self.recipe.views, self.recipe.seed
        views = views_of(images.to(device, non_blocking=True), draws, given, seed)
        if with_clips is None:
            return Part(views, None)
        clips, clip_draws = with_clips
        assert expected is not None
        there = Clips(*(one.to(device, non_blocking=True) for one in (clips.images, clips.poses, clips.visible)))
        seen = lit(there, clip_draws, given, seed)
        return Part(views, ClipBatch(seen, there.poses, there.visible, expected))

    def _reduced(self, kept: Found, parts: int) -> Found:
        """Sums and counts over all ranks and micro-batches, means of the rest."""
        reduced = {}
        for name, value in kept.items():
            whole = name in SUMS or name in COUNTS
            reduced[name] = self.accelerator.reduce(value if whole else value / parts, "sum" if whole else "mean")
        return reduced

    def _must_be_finite(self, value: Tensor, parts: dict[str, Tensor]) -> None:
        """Asked of all ranks before anything is stepped: one of them alone would leave the others waiting."""
        bad = torch.as_tensor((~torch.isfinite(value)).float(), device=self.accelerator.device)
        if float(self.accelerator.reduce(bad, "sum")) == 0:
            return
        made = checkpoints.save(self.accelerator, self.out / "not_finite", self.progress.step, keep=1)
        said = ", ".join(f"{name} {float(one):g}" for name, one in parts.items())
        raise NotFinite(
            f"{self.out}: step {self.progress.step + 1} is not finite ({said} on this rank). Nothing was updated; the "
            f"state before it is in {made}. The same command goes on from the last checkpoint: with "
            "machine.precision=bf16 or no instead of fp16, or into another output_dir with a lower "
            "schedule.learning_rate or schedule.clip"
        )

    # -- what is watched -----------------------------------------------------------------------------------------------

    def look(self, found: Found, seconds: float) -> None:
        state = self.learner.health(found)
        self.progress.gap += (1 - health.STEADY) * (state.gap - self.progress.gap)
        if self.progress.step % self.recipe.keep.log_every:
            return
        images = self.recipe.batch.images * self.recipe.batch.micro_batches * self.accelerator.num_processes
        row = {name: float(found[name]) for name in ("loss", *LOGGED, "learning_rate", "norm") if name in found}
        row |= {"entropy": state.entropy, "marginal_entropy": state.marginal_entropy, "spread": state.spread}
        self.metrics.add(self.progress.step, row | {"images_per_second": images / seconds})
        steps, in_round = self.recipe.schedule.steps, self.progress.step % self.recipe.schedule.steps
        spoken = in_round > steps / 2 and in_round % max(1, steps // 10) < self.recipe.keep.log_every
        if spoken and state.state in health.SAID:
            self._say(f"step {self.progress.step}: {health.SAID[state.state]}")

    def save(self) -> None:
        self.progress.processor_seconds = round(self.before + time.process_time(), 1)
        checkpoints.save(self.accelerator, self.checkpoints, self.progress.step, self.recipe.keep.checkpoints)

    def _say(self, text: str) -> None:
        if self.accelerator.is_main_process:
            self.console.print(text, style="yellow", markup=False, highlight=False)
