"""The stock trainer with agents that call live tools: what it logs, what dead tools do to it, what a kill -9 costs."""

import json
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import agent_world

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]
ROOT = Path(__file__).parents[2]
ENV = "ray_kwargs.ray_init.runtime_env.env_vars"
Start = Callable[..., subprocess.Popen]


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    torch = pytest.importorskip("torch")
    pytest.importorskip("verl")
    if torch.accelerator.current_accelerator() is not None:
        pytest.skip("for machines without an accelerator")
    out = tmp_path_factory.mktemp("agent")
    agent_world.make(out)
    agent_world.teach(out / "model")
    return out


@pytest.fixture(scope="module")
def start(world) -> Start:
    """Starts a recipe in a folder of its own, with its log beside."""

    def run(recipe: str, out: Path, *overrides: str) -> subprocess.Popen:
        out.mkdir(exist_ok=True)
        command = [
            sys.executable, "-m", "verl.trainer.main_ppo", "--config-dir", "recipes", "--config-name", recipe,
            f"actor_rollout_ref.model.path={world}/model", f"data.train_files={world}/rows.parquet",
            f"data.val_files={world}/rows.parquet", "data.train_batch_size=4",
            "actor_rollout_ref.actor.ppo_mini_batch_size=4", "actor_rollout_ref.actor.optim.lr=1.0e-5",
            f"actor_rollout_ref.rollout.agent.agent_loop_config_path={world}/agent.yaml",
            f"trainer.default_local_dir={out}", f"hydra.run.dir={out}/hydra",
            f"{ENV}.VERL_FILE_LOGGER_ROOT={out}/metrics", f"{ENV}.TENSORBOARD_DIR={out}/tensorboard",
            "trainer.total_training_steps=3", "trainer.val_before_train=false", "trainer.test_freq=-1", *overrides,
        ]  # fmt: skip
        with (out / "log").open("a") as output:
            return subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)

    return run


def metrics(out: Path) -> dict[int, dict[str, Any]]:
    """By step; of a step that was run twice, the later."""
    lines = [line for file in out.glob("metrics/*/*.jsonl") for line in file.read_text().splitlines(keepends=True)]
    return {row["step"]: row["data"] for row in (json.loads(line) for line in lines if line.endswith("\n"))}


def traces(out: Path, step: int) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / f"traces/{step:06d}.jsonl").read_text().splitlines()]


def wait_for(found: Callable[[], bool], process: subprocess.Popen, log: Path) -> None:
    while not found():
        assert process.poll() is None, log.read_text()[-5000:]
        time.sleep(0.1)


@pytest.fixture(scope="module")
def grpo(world, start, tmp_path_factory) -> Path:
    """Three steps; the service behind one of the two tools dies after the first."""
    out = tmp_path_factory.mktemp("grpo")
    with agent_world.vision_service() as (service, url):
        agent_world.configure(world, url)
        steady = "actor_rollout_ref.rollout.temperature=0.6"  # calls that can be read, letters that differ
        process = start("tiny_grpo_ego_r1", out, steady, "actor_rollout_ref.rollout.n=4", "trainer.save_freq=-1")
        wait_for((out / "traces/000001.jsonl").exists, process, out / "log")
        service.kill()
        assert process.wait() == 0, (out / "log").read_text()[-5000:]
    return out


def test_every_trajectory_is_on_disk_with_its_row_its_turns_and_its_reward(grpo):
    rows = {row.id: row for row in agent_world.questions()}
    for step in (1, 2, 3):
        groups = defaultdict(list)
        for rollout in traces(grpo, step):
            groups[rollout["key"].split("_")[0]].append(rollout)
        assert len(groups) == 4
        for group in groups.values():
            assert len(group) == 4 and len({rollout["facts"]["id"] for rollout in group}) == 1
            row = rows[group[0]["facts"]["id"]]
            assert group[0]["facts"]["identity"] == row.identity
            for rollout in group:
                trace, parts = rollout["trace"], rollout["parts"]
                assert parts["accuracy"] == float(trace["letter"] == row.answer)
                written = sum(turn["tokens"] for turn in trace["turns"])
                assert rollout["trained"] == (0 if trace["faults"] else written)
                if not trace["faults"]:
                    assert rollout["score"] == pytest.approx(parts["score"])


def test_each_rollout_searches_the_week_of_its_own_row(grpo):
    found = [
        (rollout["facts"]["identity"], turn["observation"])
        for step in (1, 2, 3) for rollout in traces(grpo, step) for turn in rollout["trace"]["turns"]
        if turn["tool"] == "rag" and turn["spans"]
    ]  # fmt: skip
    assert {identity for identity, _ in found} == set(agent_world.PEOPLE)
    assert all(agent_world.PEOPLE[identity] in observation for identity, observation in found)


def test_tools_that_die_stop_nothing_and_teach_nothing(grpo):
    assert not any(rollout["trace"]["faults"] for rollout in traces(grpo, 1))
    last = traces(grpo, 3)
    faulty = [rollout for rollout in last if rollout["trace"]["faults"]]
    assert faulty and len(faulty) < len(last)
    for rollout in faulty:
        assert any(turn["status"] == "infra_error" for turn in rollout["trace"]["turns"])
        question = rollout["key"].split("_")[0]
        sound = [r["score"] for r in last if r["key"].startswith(question) and not r["trace"]["faults"]]
        assert rollout["score"] == pytest.approx(sum(sound) / len(sound) if sound else 0.0, abs=1e-6)
    logged = metrics(grpo)[3]
    assert logged["tools/faulty_rollouts"] == pytest.approx(len(faulty) / len(last))
    assert logged["tools/infra_error"] > 0 and logged["actor/grad_norm"] > 0


def test_reward_parts_tools_and_turns_reach_every_logger(grpo):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    wanted = {
        "reward/accuracy", "reward/format", "reward/evidence", "reward/economy", "groups/zero_variance", "turns/mean",
        "tools/calls", "tools/ok", "tools/rag/seconds_p50", "tools/vlm/seconds_p95", "tools/faulty_rollouts",
    }  # fmt: skip
    logged = metrics(grpo)
    assert sorted(logged) == [1, 2, 3] and wanted <= logged[1].keys()
    events = EventAccumulator(str(grpo / "tensorboard"))
    events.Reload()
    assert wanted <= set(events.Tags()["scalars"])
    for name in ("reward/accuracy", "groups/zero_variance", "turns/mean"):
        scalars = {event.step: event.value for event in events.Scalars(name)}
        assert scalars == pytest.approx({step: values[name] for step, values in logged.items()}, rel=1e-5)
    console = (grpo / "log").read_text()
    assert all(f"{name}:" in console for name in wanted)
    assert min(values["training/rollout_actor_probs_pearson_corr"] for values in logged.values()) > 0.98


def test_a_killed_ppo_run_goes_on_as_if_nothing_had_happened(world, start, tmp_path):
    """Rollouts are greedy: what vLLM draws is not part of a checkpoint. Everything that is trained must be."""
    greedy = (
        "actor_rollout_ref.rollout.top_k=1", "trainer.save_freq=1", "trainer.critic_warmup=0",
        "trainer.max_actor_ckpt_to_keep=3", "trainer.max_critic_ckpt_to_keep=3",
    )  # fmt: skip
    with agent_world.vision_service() as (_, url):
        agent_world.configure(world, url)
        process = start("tiny_ppo_ego_r1", tmp_path, *greedy, "trainer.total_training_steps=30")
        try:
            wait_for(lambda: 3 in metrics(tmp_path), process, tmp_path / "log")
        finally:
            process.kill()
            process.wait()
        first, questions = metrics(tmp_path), {rollout["facts"]["id"] for rollout in traces(tmp_path, 3)}
        # what is on disk when a run dies between its second and its third checkpoint
        for folder in tmp_path.glob("global_step_*"):
            if int(folder.name.removeprefix("global_step_")) > 2:
                shutil.rmtree(folder)
        (tmp_path / "latest_checkpointed_iteration.txt").write_text("2")
        assert start("tiny_ppo_ego_r1", tmp_path, *greedy).wait() == 0, (tmp_path / "log").read_text()[-5000:]
    again = metrics(tmp_path)
    assert sorted(again) == sorted(first), "the log of the killed run is kept"
    assert {rollout["facts"]["id"] for rollout in traces(tmp_path, 3)} == questions
    for name in ("critic/score/mean", "critic/vf_loss", "actor/pg_loss", "actor/grad_norm", "response_length/mean"):
        assert again[3][name] == pytest.approx(first[3][name], rel=1e-3, abs=1e-6), name
