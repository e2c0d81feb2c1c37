"""The sampler between veRL's store and its trainer: groups, traces, and batches of which the tools left nothing."""

import json
from types import SimpleNamespace

import pytest

pytest.importorskip("verl")
import numpy as np
import torch
from verl import DataProto
from verl.trainer.ppo.core_algos import AdvantageEstimator
from verl.trainer.ppo.v1.utils import compute_advantage_for_multi_trajectories

from firsthand import files
from firsthand.errors import UserError
from firsthand.pages.run.episode import read
from firsthand.question import Question
from firsthand.rollout import prompt
from firsthand.training import replay_buffer


def trajectory(key: str, score: float, faulty: bool = False, identity: str = "A1_JAKE") -> tuple[str, dict]:
    action = {"text": "", "action": "call", "tool": "rag", "status": "infra_error" if faulty else "ok"}
    trace = {"turns": [action], "faults": int(faulty), "stop": "answer"}
    return key, {
        "uid": key.split("_")[0],
        "rm_scores": torch.tensor([0.0, 0.0, score]),
        "response_mask": torch.zeros(3, dtype=int) if faulty else torch.tensor([1, 0, 1]),
        "responses": torch.tensor([5, 6, 7]),
        "extra_fields": {"trace": trace, "reward_extra_info": {"score": score, "accuracy": score}},
        "extra_info": {"id": key[0], "identity": identity, "query_time": "end", "index": 0},
        "reward_model": {"ground_truth": "B"},
    }


@pytest.fixture
def sample(monkeypatch, tmp_path):
    """Give the sampler batches one after another; what it returns, writes to the store, clears and asks for."""

    def run(*batches: list[tuple[str, dict]], **options) -> SimpleNamespace:
        store = {key: fields for batch in batches for key, fields in batch}
        done = SimpleNamespace(written={}, cleared=[], refilled=[], store=store)
        coming = iter(batches)

        def stock(self, global_steps, partition_id, batch_size):
            return SimpleNamespace(keys=[key for key, _ in next(coming)], partition_id=partition_id), {}

        def get(keys, partition_id, select_fields):
            columns = {name: [store[key][name] for key in keys] for name in select_fields}
            jagged = ("rm_scores", "response_mask", "responses")
            return columns | {name: torch.nested.nested_tensor(columns[name]) for name in jagged}

        def put(keys, partition_id, fields):
            for name, column in fields.items():
                values = column.tolist() if name == "uid" else column.unbind()
                for key, value in zip(keys, values, strict=True):
                    store[key] |= {name: value}
                    done.written |= {key: value.tolist()} if name == "rm_scores" else {}

        monkeypatch.setattr(replay_buffer.ReplayBuffer, "sample", stock)
        monkeypatch.setattr(replay_buffer.tq, "kv_batch_get", get)
        monkeypatch.setattr(replay_buffer.tq, "kv_batch_put", put)
        monkeypatch.setattr(replay_buffer.tq, "kv_clear", lambda keys, partition_id: done.cleared.extend(keys))
        monkeypatch.setattr(replay_buffer, "PAUSE", 0.0)
        buffer = replay_buffer.GroupReplayBuffer(
            sampler_kwargs={"traces": str(tmp_path), "poll_interval": 0.1} | options, trainer_mode="sync",
            trainer_config=None, max_off_policy_threshold=None, max_off_policy_strategy="drop",
            refill_fn=done.refilled.append,
        )  # fmt: skip
        done.buffer = buffer
        batch, done.metrics = buffer.sample(7, "train", 2)
        done.keys = batch.keys
        written = tmp_path / "000007.jsonl"
        done.traces = [json.loads(line) for line in written.read_text().splitlines()] if written.exists() else []
        return done

    return run


def test_mixed_people_and_failed_tools_end_up_with_their_own_rows(sample):
    done = sample([
        trajectory("a_0_0", 1.0), trajectory("b_0_0", 0.0, identity="A2_ALICE"), trajectory("a_1_0", 0.0, faulty=True),
        trajectory("a_2_0", 0.5), trajectory("b_1_0", 1.0, identity="A2_ALICE"),
    ])  # fmt: skip
    assert done.written == {"a_1_0": [0.0, 0.0, 0.75]}, "the mean of the others of its own question"
    assert [(row["key"], row["facts"]["identity"], row["trained"]) for row in done.traces] == [
        ("a_0_0", "A1_JAKE", 2), ("b_0_0", "A2_ALICE", 2), ("a_1_0", "A1_JAKE", 0), ("a_2_0", "A1_JAKE", 2),
        ("b_1_0", "A2_ALICE", 2),
    ]  # fmt: skip
    assert done.metrics["tools/faulty_rollouts"] == 0.2 and done.metrics["groups/zero_variance"] == 0.0


def advantages(store: dict[str, dict], **options) -> dict[str, list[float]]:
    """What veRL makes of the store."""
    rows = list(store.values())
    data = DataProto.from_dict(
        {
            "token_level_rewards": torch.stack([row["rm_scores"] for row in rows]),
            "response_mask": torch.stack([row["response_mask"] for row in rows]),
        },
        {"uid": np.array([row["uid"] for row in rows], dtype=object)},
    )
    made = compute_advantage_for_multi_trajectories(data, list(store), AdvantageEstimator.GRPO, **options)
    return dict(zip(store, made.batch["advantages"].tolist(), strict=True))


@pytest.mark.parametrize("by_std", [True, False])
@pytest.mark.parametrize("faulty", [1, 2, 3])
@pytest.mark.parametrize("scores", [[1.0, 0.0], [1.1, 0.25, 0.0, 0.1], [0.5, 0.5, 0.5]])
def test_failed_tools_change_no_advantage_of_the_others(sample, scores, faulty, by_std):
    sound = [trajectory(f"a_{n}_0", score) for n, score in enumerate(scores)]
    failed = [trajectory(f"a_{len(scores) + n}_0", 0.0, faulty=True) for n in range(faulty)]
    expected = advantages(dict(sound), norm_adv_by_std_in_grpo=by_std)
    found = advantages(sample([*sound, *failed]).store, norm_adv_by_std_in_grpo=by_std)
    assert {key: found[key] for key in expected} == expected
    assert all(found[key] == [0.0] * 3 for key, _ in failed)


@pytest.mark.parametrize("score", [0.0, 1.1])
def test_a_lone_sound_rollout_has_no_advantage(sample, score):
    failed = [trajectory(f"a_{n}_0", 0.0, faulty=True) for n in (1, 2)]
    found = advantages(sample([trajectory("a_0_0", score), *failed]).store)
    assert found["a_0_0"] == pytest.approx([0.0] * 3, abs=1e-6)


def test_a_batch_without_a_sound_rollout_is_dropped_and_other_questions_are_asked(sample):
    dead = [[trajectory(f"{name}_{n}_0", 0.0, faulty=True) for n in range(2)] for name in "ab"]
    done = sample(*dead, [trajectory("c_0_0", 1.0), trajectory("c_1_0", 0.0)])
    assert done.cleared == ["a_0_0", "a_1_0", "b_0_0", "b_1_0"] and done.refilled == [2, 2]
    assert done.keys == ["c_0_0", "c_1_0"] and {row["key"] for row in done.traces} == set(done.keys)


def test_a_trace_says_what_was_asked_and_what_is_right(sample):
    question = Question(
        id="q7", question="Where is the cup?", options={"A": "here", "B": "there"}, answer="B", style="ego_r1",
        data_source="test", split="train", identity="A1_JAKE", query_time="DAY2_10000000",
    )  # fmt: skip
    row = prompt.verl_row(question, 0)
    key, fields = trajectory("a_0_0", 1.0)
    ours = key, fields | {"extra_info": row["extra_info"], "reward_model": row["reward_model"]}
    traces = sample([ours, trajectory("b_0_0", 0.0)]).traces
    shown, bare = (read("here", trace | {"trace": None}) for trace in traces)
    assert (shown.question, shown.options, shown.answer) == (question.question, question.options, "B")
    assert shown.id == "q7" and shown.query_time == question.query_time
    assert (bare.id, bare.question, bare.options, bare.answer) == ("b", "", {}, "B"), "a row of older data"


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_a_reward_that_is_no_number_is_masked_and_counted(sample, wrong):
    """Else the advantages of its whole group are NaN, and veRL skips the step."""
    sound = [trajectory("a_0_0", 1.0), trajectory("a_1_0", 0.0)]
    expected = advantages(dict(sound))
    done = sample([*sound, trajectory("a_2_0", wrong)])
    found = advantages(done.store)
    assert {key: found[key] for key in expected} == expected and found["a_2_0"] == [0.0] * 3
    assert done.store["a_2_0"]["response_mask"].tolist() == done.store["a_2_0"]["loss_mask"].tolist() == [0, 0, 0]
    assert done.metrics["rollouts/not_finite"] == 1.0
    assert [(row["trained"], row["unscored"]) for row in done.traces] == [(2, False), (2, False), (0, True)]


def test_rollouts_that_left_nothing_are_counted(sample):
    assert (
        sample([trajectory("a_0_0", 1.0), trajectory("a_1_0", 0.0), trajectory("b_0_0", 0.0)]).metrics[
            "rollouts/missing"
        ]
        == 1.0
    )
    assert sample([trajectory("a_0_0", 1.0), trajectory("a_1_0", 0.0)]).metrics["rollouts/missing"] == 2.0


def test_batches_are_not_dropped_for_ever(sample, monkeypatch):
    monkeypatch.setattr(replay_buffer, "MOST_DROPPED", 3)
    dead = [[trajectory(f"{name}_0_0", 0.0, faulty=True)] for name in "abcd"]
    with pytest.raises(UserError, match="3 batches in a row failed; the last: rag ended in infra_error"):
        sample(*dead)


def test_a_full_disk_costs_the_traces_and_not_the_training(sample, tmp_path, caplog):
    (tmp_path / "file").touch()
    done = sample([trajectory("a_0_0", 1.0), trajectory("b_0_0", 0.0)], traces=str(tmp_path / "file/traces"))
    assert done.keys == ["a_0_0", "b_0_0"] and "step 7 has no traces" in caplog.text


def test_overloaded_tools_are_in_the_training_log(sample, caplog):
    sample([trajectory("a_0_0", 1.0), trajectory("a_1_0", 0.0, faulty=True)])
    assert "step 7: 1 of 2 rollouts teach nothing; most often: rag ended in infra_error" in caplog.text


def test_a_validation_is_kept_with_its_rows_and_left_as_it_is(sample, tmp_path):
    """It may come in several batches; those of another step are another file."""
    train = [trajectory("a_0_0", 1.0), trajectory("a_1_0", 0.0)]
    batches = [[trajectory("c_0_0", 1.0)], [trajectory("d_0_0", 0.0, faulty=True)], [trajectory("e_0_0", 0.5)]]
    done = sample(train, *batches, validation=str(tmp_path / "validation"))
    written = dict(done.written)
    for step in (7, 7, 8):
        done.buffer.sample(step, "val", 1)
    read = {
        path.name: [(row["key"], row["facts"]["id"], row["score"]) for row in files.read_jsonl(path)]
        for path in sorted((tmp_path / "validation").iterdir())
    }
    assert read == {"000007.jsonl": [("c_0_0", "c", 1.0), ("d_0_0", "d", 0.0)], "000008.jsonl": [("e_0_0", "e", 0.5)]}
    assert done.written == written, "nothing is paid, and no fault is settled"
