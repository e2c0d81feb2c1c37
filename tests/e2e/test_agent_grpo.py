"""The stock trainer with agents that call live tools: what it logs, what dead tools do to it, what a kill -9 costs."""

import shutil
import sys
from collections import defaultdict
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import agent_world
from agent_world import ENV, metrics, start, traces, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def world(on_cpu, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("agent")
    agent_world.make(out)
    agent_world.teach(out / "model", "qwen2_5", agent_world.searching())
    return out


@pytest.fixture(scope="module")
def grpo(world, tmp_path_factory) -> Path:
    """Three steps; the service behind one of the two tools dies after the first."""
    out = tmp_path_factory.mktemp("grpo")
    with agent_world.vision_service() as (service, url):
        agent_world.configure(world, url)
        process = start(
            world, "tiny_grpo", out, "actor_rollout_ref.rollout.n=4", "trainer.save_freq=-1",
            "trainer.total_training_steps=3",
            "actor_rollout_ref.rollout.temperature=0.6",  # calls that can be read, letters that differ
            "trainer.logger=[console,file,tensorboard,wandb]", f"+{ENV}.WANDB_MODE=offline", f"+{ENV}.WANDB_DIR={out}",
        )  # fmt: skip
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
    shares = {}
    for step in (2, 3):
        rollouts, logged = traces(grpo, step), metrics(grpo)[step]
        faulty = [rollout for rollout in rollouts if rollout["trace"]["faults"]]
        shares[step] = len(faulty) / len(rollouts)
        for rollout in faulty:
            assert any(turn["status"] == "infra_error" for turn in rollout["trace"]["turns"])
            question = rollout["key"].split("_")[0]
            sound = [r["score"] for r in rollouts if r["key"].startswith(question) and not r["trace"]["faults"]]
            assert rollout["score"] == pytest.approx(sum(sound) / len(sound) if sound else 0.0, abs=1e-6)
        assert logged["tools/faulty_rollouts"] == pytest.approx(shares[step])
        assert (logged["tools/infra_error"] > 0) == bool(faulty)
    step = max(shares, key=shares.__getitem__)
    assert 0 < shares[step] < 1 and metrics(grpo)[step]["actor/grad_norm"] > 0


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
    [offline] = grpo.glob("wandb/offline-run-*/*.wandb")
    assert all(name.encode() in offline.read_bytes() for name in wanted)
    assert min(values["training/rollout_actor_probs_pearson_corr"] for values in logged.values()) > 0.98


def test_ppo_trains_its_critic_on_trajectories_with_tools(world, tmp_path):
    with agent_world.vision_service() as (_, url):
        agent_world.configure(world, url)
        process = start(world, "tiny_ppo", tmp_path, "trainer.save_freq=-1", "trainer.critic_warmup=0",
                        "trainer.total_training_steps=1")  # fmt: skip
        assert process.wait() == 0, (tmp_path / "log").read_text()[-5000:]
    [logged] = metrics(tmp_path).values()
    assert logged["critic/vf_loss"] > 0 and logged["critic/grad_norm"] > 0 and logged["actor/grad_norm"] > 0
    assert any(rollout["trace"]["turns"] for rollout in traces(tmp_path, 1))


@pytest.mark.long
def test_a_killed_ppo_run_goes_on_as_if_nothing_had_happened(world, tmp_path):
    """Rollouts are greedy: what vLLM draws is not part of a checkpoint. Everything that is trained must be."""
    greedy = (
        "actor_rollout_ref.rollout.top_k=1", "trainer.save_freq=1", "trainer.critic_warmup=0",
        "trainer.max_actor_ckpt_to_keep=3", "trainer.max_critic_ckpt_to_keep=3",
    )  # fmt: skip
    with agent_world.vision_service() as (_, url):
        agent_world.configure(world, url)
        process = start(world, "tiny_ppo", tmp_path, *greedy, "trainer.total_training_steps=30")
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
        again = start(world, "tiny_ppo", tmp_path, *greedy, "trainer.total_training_steps=3")
        assert again.wait() == 0, (tmp_path / "log").read_text()[-5000:]
    later = metrics(tmp_path)
    assert sorted(later) == sorted(first), "the log of the killed run is kept"
    assert {rollout["facts"]["id"] for rollout in traces(tmp_path, 3)} == questions
    for name in ("critic/score/mean", "critic/vf_loss", "actor/pg_loss", "actor/grad_norm", "response_length/mean"):
        assert later[3][name] == pytest.approx(first[3][name], rel=1e-3, abs=1e-6), name
