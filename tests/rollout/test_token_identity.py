"""One trajectory with tools is the same tokens in both dialects wherever a model meets it: fine-tuned on by
LLaMA-Factory, sampled turn by turn in veRL's agent loop, and answered by an agent behind a chat server."""

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import yaml
from trajectories import END, IGNORED, OBSERVATIONS, STYLES, as_served, asked, sampled, toolbox, trajectory, written

from firsthand import files, processes
from firsthand.question import StyleName
from firsthand.rollout import prompt
from firsthand.rollout.agent import LAST_TURN
from firsthand.rollout.dialects import chat_tools
from firsthand.serving.vllm_server import CPU_ENV, free_port, serve_command

ROOT = Path(__file__).parents[2]

# model -> LLaMA-Factory recipe, veRL's type of the model
RECIPES = {
    "qwen3_vl": "tiny_sft_qwen3vl_lora.yaml",
    "qwen3_5": "tiny_sft_qwen3_5_lora.yaml",
    "qwen2_5": "ego_r1/tiny_sft.yaml",
}
SEES = ("qwen3_vl", "qwen3_5")
CASES = list(itertools.product(RECIPES, STYLES))


@pytest.fixture(scope="module")
def tokenizer(folder) -> Callable[[str], Any]:
    from transformers import AutoTokenizer

    return cache(lambda name: AutoTokenizer.from_pretrained(folder(name)))


# -- LLaMA-Factory ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fine_tuning(folder, tmp_path_factory) -> Callable[..., dict[str, Any]]:
    """The row after the preprocessing of the recipe: input_ids and labels."""
    pytest.importorskip("llamafactory")
    from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
    from llamafactory.hparams import get_train_args
    from llamafactory.model import load_tokenizer

    entry = files.read_json(ROOT / "dataset_info.json")["ego_cott"]
    native = {"columns": entry["columns"] | {"tools": "tools"}, "tags": entry["tags"] | {"observation_tag": "tool"}}

    @cache
    def processed(name: str, style: StyleName, **changes: Any) -> dict[str, Any]:
        made, work = trajectory(style), tmp_path_factory.mktemp("llamafactory")
        schemas = chat_tools(STYLES[style], toolbox().schemas())
        files.write_json(work / "rows.json", [prompt.sharegpt_row(made.question, prompt.solution(made), schemas)])
        registry = entry | {"file_name": "rows.json"} | (native if schemas else {})
        files.write_json(work / "dataset_info.json", {"rows": registry})
        recipe = yaml.safe_load((ROOT / "recipes" / RECIPES[name]).read_text())
        recipe |= {"dataset": "rows", "model_name_or_path": str(folder(name)), "preprocessing_num_workers": 1}
        recipe |= {"cutoff_len": 8192, "dataset_dir": str(work), "output_dir": str(work / "out")} | changes
        model_args, data_args, training_args, _, _ = get_train_args(recipe)
        loaded = load_tokenizer(model_args)
        template = get_template_and_fix_tokenizer(loaded["tokenizer"], data_args)
        [row] = get_dataset(template, model_args, data_args, training_args, stage="sft", **loaded)["train_dataset"]
        return row

    return processed


# -- veRL, and a chat server ------------------------------------------------------------------------------------------


@pytest.fixture
def reinforcement(folder, tokenizer) -> Callable[..., Any]:
    """The output of the agent loop whose model samples the turns of the trajectory; `ended`: up to <|im_end|>."""
    pytest.importorskip("verl")
    from transformers import AutoProcessor

    def run(name: str, style: StyleName, ended: bool, pictures: bool = False) -> Any:
        processor = AutoProcessor.from_pretrained(folder(name)) if name in SEES else None
        return sampled(tokenizer(name), processor, {"qwen2_5": "qwen2"}.get(name, name), style, ended, pictures)

    return run


@pytest.fixture
def evaluation(serve) -> Callable[..., list[dict[str, Any]]]:
    """Every request that an agent makes of a chat server, and a last one that holds the answer as well."""
    return lambda style, pictures=False: asked(serve, style, pictures)


# -- the contract ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name, style", CASES)
def test_fine_tuning_has_the_tokens_of_the_chat_template(fine_tuning, evaluation, tokenizer, name, style) -> None:
    request = evaluation(style)[-1]
    messages = as_served(request["messages"], sees=name in SEES)
    ids = tokenizer(name).apply_chat_template(messages, tools=request.get("tools"), return_dict=False)
    assert fine_tuning(name, style)["input_ids"] == ids


@pytest.mark.parametrize("ended", [True, False])
@pytest.mark.parametrize("name, style", CASES)
def test_reinforcement_has_the_tokens_of_fine_tuning(fine_tuning, reinforcement, tokenizer, name, style, ended) -> None:
    """... and trains what fine-tuning trains, but for the end of a turn where the model did not sample it."""
    row, output = fine_tuning(name, style), reinforcement(name, style, ended)
    end = tokenizer(name).convert_tokens_to_ids(END[0])
    newline = tokenizer(name).encode(END[1])
    ids = output.prompt_ids + output.response_ids
    assert row["input_ids"] == ids + ([] if ended else [end]) + newline
    mask = [0] * len(output.prompt_ids) + output.response_mask
    learnt = [label != IGNORED for label in row["labels"]]
    assert not any(trained and not taught for trained, taught in zip(mask, learnt, strict=False))
    only_taught = [token for token, a, b in zip(ids, mask, learnt, strict=False) if b and not a]
    turns = len(written(style))
    assert only_taught == (newline if ended else [end, *newline]) * (turns - 1)
    sampled = tokenizer(name).decode([token for token, one in zip(ids, mask, strict=True) if one])
    assert sampled == "".join(turn + END[0] * ended for turn in written(style))


@pytest.mark.parametrize("name, style", CASES)
def test_fine_tuning_learns_the_turns_of_the_assistant_and_nothing_else(fine_tuning, tokenizer, name, style) -> None:
    row = fine_tuning(name, style)
    learnt = [label for label in row["labels"] if label != IGNORED]
    assert tokenizer(name).decode(learnt) == "".join(turn + "".join(END) for turn in written(style))


@pytest.mark.parametrize("name, style", CASES)
def test_the_words_are_those_that_were_meant(fine_tuning, tokenizer, name, style) -> None:
    text = tokenizer(name).decode(fine_tuning(name, style)["input_ids"])
    before, after = {
        "ego_r1": ("<information>", "</information>"),
        "native": ("<tool_response>\n", "\n</tool_response>"),
    }[STYLES[style]]
    for observation in OBSERVATIONS:
        assert f"<|im_start|>user\n{before}{observation}{after}<|im_end|>\n<|im_start|>assistant\n" in text
    assert ("<tools>" in text) == (style == "ego_r1_native")
    assert LAST_TURN not in text


@pytest.mark.parametrize("name, style", list(itertools.product(SEES, STYLES)))
def test_a_reasoning_template_keeps_the_thoughts_of_earlier_turns(fine_tuning, name, style) -> None:
    plain, thinking = (fine_tuning(name, style, template=f"{name}{end}") for end in ("_nothink", ""))
    assert (plain["input_ids"], plain["labels"]) == (thinking["input_ids"], thinking["labels"])


# -- vLLM --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=RECIPES)
def vllm(request, folder, tmp_path_factory) -> Iterator[Any]:
    """vLLM's server without its engine: the name of its model, and the tokens that an engine would get."""
    pytest.importorskip("vllm")
    log, port = tmp_path_factory.mktemp("vllm") / "log", free_port()
    command = serve_command(folder(request.param), "m", port, 4096, [])
    command[command.index("serve") : command.index("serve") + 1] = ["launch", "render"]
    child = processes.start(command, log, CPU_ENV)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:

        def post(path: str, body: dict[str, Any]) -> dict[str, Any]:
            response = client.post(path, json=body)
            assert response.is_success, response.text
            return response.json()

        def prompt_of(body: dict[str, Any]) -> list[int]:
            return post("/v1/chat/completions/render", body)["token_ids"]

        try:
            while True:
                assert child.poll() is None, processes.tail(log)
                with suppress(httpx.TransportError):
                    client.get("/health")
                    break
                time.sleep(0.5)
            yield SimpleNamespace(name=request.param, post=post, prompt_of=prompt_of)
        finally:
            processes.stop(child)


@pytest.mark.e2e
@pytest.mark.parametrize("style", STYLES)
def test_the_server_has_the_tokens_of_fine_tuning_in_every_turn(vllm, fine_tuning, evaluation, style) -> None:
    whole = fine_tuning(vllm.name, style)
    *requests, last = evaluation(style)
    keys = ("model", "messages", "tools")
    body = {key: last[key] for key in keys if key in last} | {"add_generation_prompt": False}
    assert vllm.post("/tokenize", body)["tokens"] == whole["input_ids"]
    learnt = [place for place, label in enumerate(whole["labels"]) if label != IGNORED]
    starts = [place for place in learnt if place - 1 not in learnt]
    assert len(requests) == len(starts) == len(written(style))
    for start, request in zip(starts, requests, strict=True):
        assert vllm.prompt_of(request) == whole["input_ids"][:start]


@pytest.mark.e2e
@pytest.mark.parametrize("style", STYLES)
def test_the_server_has_the_tokens_of_reinforcement_where_tools_give_pictures(
    vllm, reinforcement, evaluation, style
) -> None:
    if vllm.name == "qwen2_5":
        pytest.skip("it cannot see")
    output = reinforcement(vllm.name, style, True, pictures=True)
    ids = output.prompt_ids + output.response_ids
    assert len(output.multi_modal_data["images"]) > 1
    for request in evaluation(style, pictures=True)[:-1]:
        seen = vllm.prompt_of(request)
        assert seen == ids[: len(seen)]
    following = ids[len(seen) :]
    assert output.response_mask[-len(following) :] == [1] * len(following)  # all that is left is the answer
