"""Ego3S's curriculum inside one run: veRL's synchronous trainer, which probes its policy and swaps its rows.

    trainer.v1.trainer_mode: curriculum
    trainer.v1.curriculum: {recipe: recipes/ego3s/tiny_curriculum.yaml}

The rollout servers of veRL are OpenAI-compatible servers, and hold the newest weights when a step begins. So the probes
are put to them by the same client and the same decision as in the outer loop; a restart for each round is saved.

What is trained on belongs to a checkpoint as its `data.pt` does: a resumed run reads `curriculum.json` beside it before
it makes its data set, and probes again what it had not decided; those answers are in `asked/` already.
"""

import logging
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from omegaconf import DictConfig, open_dict
from verl.trainer.ppo.v1.trainer_base import register_trainer
from verl.trainer.ppo.v1.trainer_sync import PPOTrainerSync
from verl.utils.checkpoint.checkpoint_manager import find_latest_ckpt_path

from firsthand import files
from firsthand.curriculum import page
from firsthand.curriculum.curriculum import Curriculum
from firsthand.curriculum.recipe import Recipe
from firsthand.errors import UserError
from firsthand.llm.client import only_model
from firsthand.tools.settings import read_as

logger = logging.getLogger(__name__)
STATE = "curriculum.json"


@register_trainer("curriculum")
class CurriculumTrainer(PPOTrainerSync):
    def __init__(self, config: DictConfig):
        recipe = read_as(Recipe, config.trainer.v1.curriculum.recipe)
        if config.trainer.total_training_steps != recipe.total_steps:
            raise UserError(
                f"trainer.total_training_steps is {config.trainer.total_training_steps}; the curriculum has "
                f"{recipe.rounds} rounds of {recipe.steps} steps: write {recipe.total_steps}"
            )
        self.curriculum = Curriculum(recipe, logger.info)
        with open_dict(config):
            config.trainer.v1.trainer_mode = "sync"  # veRL compares the name
        super().__init__(config)

    def _init_dataloader(self) -> None:
        if (saved := _resumed(self.config)) and (saved / STATE).exists():
            self.curriculum.resume(files.read_json(saved / STATE))
        self._take_rows()

    def _take_rows(self) -> None:
        """The active rows become the data set; with its own seed each begins at other places."""
        number = len(self.curriculum.updates)
        with open_dict(self.config):
            self.config.data.train_files = str(self.curriculum.rows(f"rows/update_{number}"))
            self.config.data.seed = self.curriculum.recipe.seed + number
        super()._init_dataloader()

    def on_step_begin(self) -> None:
        super().on_step_begin()
        done = self.global_steps - 1
        if done and done % self.curriculum.recipe.steps == 0:
            with ThreadPoolExecutor(1) as thread:  # this thread may have a loop of its own
                changed = thread.submit(self._look, done).result()
            if changed:
                self._take_rows()
            page.write(self.curriculum)

    def _look(self, step: int) -> bool:
        servers = [f"http://{address}" for address in self.llm_server_manager.get_addresses()]
        hosts = [urlsplit(server).hostname for server in servers]  # in this cluster, so without a proxy
        direct = dict.fromkeys([*os.environ.get("no_proxy", "").split(","), *hosts])
        os.environ["no_proxy"] = ",".join(host for host in direct if host)
        return self.curriculum.look(step, servers, only_model(servers[0]))

    def _save_checkpoint(self) -> None:
        """The state first: a checkpoint that is announced has all that it needs."""
        folder = Path(self.config.trainer.default_local_dir) / f"global_step_{self.global_steps}"
        files.write_json(folder / STATE, self.curriculum.state())
        super()._save_checkpoint()


def _resumed(config: DictConfig) -> Path | None:
    """The checkpoint that veRL will go on with."""
    mode = config.trainer.resume_mode
    if mode == "resume_path":
        return Path(config.trainer.resume_from_path)
    found = find_latest_ckpt_path(config.trainer.default_local_dir) if mode == "auto" else None
    return Path(found) if found else None
