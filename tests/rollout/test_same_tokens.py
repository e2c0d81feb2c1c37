"""One question is the same tokens and the same pixels wherever a model meets it: in LLaMA-Factory's data set, in veRL's
agent loop, in veRL's rollout engine, in transformers, and behind vLLM's chat server. The first three are also compared
with the processors, templates and vocabulary that Qwen released."""

import asyncio
import contextlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from released import fine_tuned, needed, release

from firsthand import files
from firsthand.llm.media import request_body
from firsthand.llm.messages import Prompted as Asked
from firsthand.media.reading import read_image, read_video, read_video_file
from firsthand.question import Question
from firsthand.recipe import hydra_search
from firsthand.rollout import prompt
from firsthand.training.patches import verl_vllm_generate

ROOT = Path(__file__).parents[2]
# a random tiny model -> the name of the family in its recipes
TINY = {"tiny_qwen3_vl": "qwen3vl", "tiny_qwen3_5": "qwen3_5"}
IGNORED = -100
ANSWER = prompt.response("my left hand has the cup .", "A")


def ask(
    name: str = "frame", images: int = 0, frames: int = 0, fps: float | None = None, file: str | None = None
) -> Question:
    return Question(
        id="q",
        question="which thing do i hold ?",
        options={"A": "the cup", "B": "the book"},
        answer="A",
        images=[f"{name}{number}.png" for number in range(images)],
        video=[f"{name}{number}.png" for number in range(frames)],
        fps=fps,
        video_file=file,
        data_source="test",
        split="train",
    )


SAMPLING = {"video_fps": 2.0, "video_maxlen": 7}
# of a file of 80 frames at 20 a second these are frames 0 13 26 39 52 65 79
FILE_STAMPS = ["0.3", "1.6", "2.9", "4.0"]
# question, its time stamps: frame i is at i / fps, a stamp is the mean of two frames, the last one may be alone
QUESTIONS: dict[str, tuple[Question, list[str]]] = {
    "text": (ask(), []),
    "image": (ask(images=1), []),
    "image of an odd size": (ask("odd", images=1), []),
    "two images": (ask(images=2), []),
    "timed images": (ask(images=2).model_copy(update={"times": [0.0, 1.25]}), []),
    "4 frames at 2 fps": (ask(frames=4, fps=2.0), ["0.2", "1.2"]),
    "3 frames at 2 fps": (ask(frames=3, fps=2.0), ["0.2", "1.0"]),
    "4 frames at 0.5 fps": (ask(frames=4, fps=0.5), ["1.0", "5.0"]),
    "5 frames at 0.5 fps": (ask(frames=5, fps=0.5), ["1.0", "5.0", "8.0"]),
    "1 frame": (ask(frames=1, fps=2.0), ["0.0"]),
    "frames of an odd size": (ask("odd", frames=4, fps=2.0), ["0.2", "1.2"]),
    "a file": (ask(file="frame.mp4"), FILE_STAMPS),
}
TOO_LARGE = {
    "large images": ask("large", images=2),
    "large frames": ask("large", frames=3, fps=2.0),
    "a large file": ask(file="large.mp4"),
}
RELEASED = ["qwen3_vl", "qwen2_5_vl", "qwen3_5"]
FILED = ["a file", "a large file"]
NAMES = [*QUESTIONS, *TOO_LARGE]


def question(name: str) -> Question:
    return QUESTIONS[name][0] if name in QUESTIONS else TOO_LARGE[name]


@pytest.fixture(scope="module", params=[*TINY, *(pytest.param(name, marks=needed) for name in RELEASED)])
def kind(request) -> str:
    return request.param


only_tiny = pytest.mark.parametrize("kind", TINY, indirect=True, scope="module")


def recipe_of(kind: str, stage: str) -> Path:
    return ROOT / "recipes" / stage.format(TINY.get(kind, "qwen3vl"))


@pytest.fixture(scope="module")
def model(kind: str, folder) -> Path:
    return folder(kind.removeprefix("tiny_"))


@pytest.fixture(scope="module")
def processor(kind: str, request) -> Any:
    from transformers import AutoProcessor

    if kind in TINY:
        return AutoProcessor.from_pretrained(request.getfixturevalue("model"))
    return release(kind).processor


@pytest.fixture(scope="module")
def limits(kind: str) -> dict[str, Any]:
    return yaml.safe_load(recipe_of(kind, "tiny_sft_{}_lora.yaml").read_text()) | SAMPLING


# -- transformers: what evaluation without a server would do ----------------------------------------------------------


def in_transformers(processor: Any, media: Path, row: Question, image: dict | None = None, video: dict | None = None):
    """Tokens and pixels of `prompt.messages`; budgets only where they are given."""
    no_limit = {"max_pixels": 10**9}
    text = processor.apply_chat_template(prompt.messages(row), tokenize=False, add_generation_prompt=True)
    given: dict[str, Any] = {}
    if row.images:
        given["images"] = [read_image(media / path, **image or no_limit) for path in row.images]
    if row.video:
        frames, facts = read_video([media / path for path in row.video], row.fps or 0, **video or no_limit)
        given |= {"videos": [frames], "video_metadata": [facts], "do_sample_frames": False}
    if row.video_file:
        frames, facts = read_video_file(media / row.video_file, fps=2.0, max_frames=7, **video or no_limit)
        given |= {"videos": [frames], "video_metadata": [facts], "do_sample_frames": False}
    return processor(text=[text], return_tensors="pt", **given)


@pytest.fixture(scope="module")
def expected(processor: Any, media: Path) -> Callable[..., list[int]]:
    """name -> the tokens in transformers."""
    return cache(lambda name: in_transformers(processor, media, question(name))["input_ids"][0].tolist())


# -- LLaMA-Factory -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def in_llamafactory(kind: str, request, media: Path, limits, tmp_path_factory) -> Callable[[str], dict[str, Any]]:
    """name -> its row after the recipe's own preprocessing, and its processor; one run of the data set for each fps
    and one for files, since a column holds files or lists."""
    pytest.importorskip("llamafactory")
    from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
    from llamafactory.hparams import get_train_args
    from llamafactory.model import load_tokenizer

    registry = files.read_json(ROOT / "dataset_info.json")["toy_choice"]

    @cache
    def processed(fps: float | None, filed: bool) -> dict[str, dict[str, Any]]:
        names = [name for name in NAMES if question(name).fps in (fps, None) and (name in FILED) == filed]
        sharegpt = [prompt.sharegpt_row(question(name), ANSWER) for name in names]
        if kind not in TINY:
            budget = {key: limits[key] for key in ("image_max_pixels", "video_max_pixels", "video_maxlen")}
            rate = {"video_fps": fps or limits["video_fps"], "media_dir": str(media)}
            return dict(zip(names, fine_tuned(kind, sharegpt, registry, **budget, **rate), strict=True))
        folder = tmp_path_factory.mktemp("llamafactory")
        files.write_json(folder / "rows.json", sharegpt)
        files.write_json(folder / "dataset_info.json", {"toy_choice": {**registry, "file_name": "rows.json"}})
        paths = {"dataset_dir": folder, "media_dir": media, "output_dir": folder / "out", "cache_dir": folder / "cache"}
        model = request.getfixturevalue("model")
        recipe = limits | {"model_name_or_path": str(model), "preprocessing_num_workers": 1, "cutoff_len": 4096}
        recipe |= {"video_fps": fps} if fps else {}
        model_args, data_args, training_args, _, _ = get_train_args(
            recipe | {key: str(path) for key, path in paths.items()}
        )
        loaded = load_tokenizer(model_args)
        template = get_template_and_fix_tokenizer(loaded["tokenizer"], data_args)
        rows = get_dataset(template, model_args, data_args, training_args, stage="sft", **loaded)["train_dataset"]
        assert len(rows) == len(names)
        plugin = {"template": template, "processor": loaded["processor"]}
        return {name: {**row, **plugin} for name, row in zip(names, rows, strict=True)}

    return lambda name: processed(question(name).fps, name in FILED)[name]


def prompt_of(row: dict[str, Any]) -> list[int]:
    return [token for token, label in zip(row["input_ids"], row["labels"], strict=True) if label == IGNORED]


# -- veRL --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def config(kind: str) -> Any:
    """The tiny recipe as veRL composes it."""
    pytest.importorskip("hydra")
    if hydra_search.config_folder() is None:
        pytest.skip("verl is not installed")
    with contextlib.chdir(ROOT):
        return hydra_search.compose(recipe_of(kind, "tiny_grpo_{}_choice.yaml"))


@pytest.fixture(scope="module")
def in_verl(config, kind: str, media: Path, processor, tmp_path_factory) -> Callable[[str], dict[str, Any]]:
    """name -> what the agent loop sends to the rollout engine, from a row of the recipe's data set class."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from omegaconf import open_dict
    from verl.experimental.agent_loop.agent_loop import DictConfigWrap
    from verl.experimental.agent_loop.single_turn_agent_loop import SingleTurnAgentLoop
    from verl.utils.dataset.rl_dataset import get_dataset_class
    from verl.workers.rollout.replica import TokenOutput

    with open_dict(config):
        config.data.media.root = str(media)
        config.data.media.video.update(fps=SAMPLING["video_fps"], max_frames=SAMPLING["video_maxlen"])
        config.actor_rollout_ref.rollout.prompt_length = config.actor_rollout_ref.rollout.max_model_len = 4096
    dataset_class, rows = get_dataset_class(config.data), {}
    for number, names in enumerate((FILED, [name for name in NAMES if name not in FILED])):
        parquet = tmp_path_factory.mktemp("verl") / f"rows{number}.parquet"
        table = pa.Table.from_pylist([prompt.verl_row(question(name), index) for index, name in enumerate(names)])
        pq.write_table(table, parquet)
        dataset = dataset_class(str(parquet), processor.tokenizer, config.data, processor)
        rows |= dict(zip(names, dataset, strict=True))

    class Server:
        async def generate(self, **request):
            self.request = request
            return TokenOutput(token_ids=[processor.tokenizer.eos_token_id])

    async def rollout(row: dict[str, Any]) -> dict[str, Any]:
        server = Server()
        loop = SingleTurnAgentLoop(
            trainer_config=DictConfigWrap(config), server_manager=server, tokenizer=processor.tokenizer,
            processor=processor, dataset_cls=dataset_class, data_config=DictConfigWrap(config.data),
            hf_model_type=kind.removeprefix("tiny_"),
        )  # fmt: skip
        output = await loop.run({}, raw_prompt=row["raw_prompt"])
        assert output.prompt_ids == server.request["prompt_ids"]
        return server.request

    return cache(lambda name: asyncio.run(rollout(rows[name])))


# -- the contract ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_prompt_is_what_it_should_be(kind: str, processor, expected, name: str) -> None:
    row, stamps = QUESTIONS[name]
    shown = "<|vision_start|>#<|vision_end|>"
    times = [f"<{time:.1f} seconds>" for time in row.times] or [""] * len(row.images)
    moments = [f"<{stamp} seconds>" for stamp in stamps]
    if kind == "qwen2_5_vl":  # it writes no times, and a video is one thing
        moments = [""] * bool(stamps)
    seen = "".join(time + shown for time in times + moments)
    text = processor.tokenizer.decode(expected(name))
    for pad in ("<|image_pad|>", "<|video_pad|>"):
        while pad * 2 in text:
            text = text.replace(pad * 2, pad)
        text = text.replace(pad, "#")
    assert text == (
        f"<|im_start|>system\n{prompt.system('choice')}<|im_end|>\n"
        f"<|im_start|>user\n{seen}which thing do i hold ?\nA. the cup\nB. the book<|im_end|>\n<|im_start|>assistant\n"
    )


@pytest.mark.parametrize("name", QUESTIONS)
def test_llamafactory_has_the_same_tokens(in_llamafactory, expected, name: str) -> None:
    assert prompt_of(in_llamafactory(name)) == expected(name)


@pytest.mark.parametrize("name", QUESTIONS)
def test_verl_has_the_same_tokens(in_verl, expected, name: str) -> None:
    assert in_verl(name)["prompt_ids"] == expected(name)


@pytest.mark.parametrize("name", NAMES)
def test_rl_sees_the_pixels_of_fine_tuning_whatever_their_size(
    in_llamafactory, in_verl, processor, media, name
) -> None:
    import torch

    trained, request = in_llamafactory(name), in_verl(name)
    assert prompt_of(trained) == request["prompt_ids"]
    plugin, row = trained["template"].mm_plugin, question(name)
    images, frames = [str(media / path) for path in row.images], [str(media / path) for path in row.video]
    videos = [str(media / row.video_file)] if row.video_file else [frames] if frames else []
    fine_tuning = plugin._get_mm_inputs(images, videos, [], trained["processor"])
    reinforcement: dict[str, Any] = {}
    if request["image_data"]:
        reinforcement |= processor.image_processor(request["image_data"], return_tensors="pt")
    if request["video_data"]:
        [(video, facts)] = request["video_data"]
        reinforcement |= processor.video_processor(
            [video], video_metadata=[facts], do_sample_frames=False, return_tensors="pt"
        )
    keys = {key for key in reinforcement if key.startswith(("pixel", "image", "video_grid"))}
    assert bool(keys) == bool(images or videos)
    for key in keys:
        assert torch.equal(torch.as_tensor(fine_tuning[key]), torch.as_tensor(reinforcement[key])), key


def test_a_budget_binds(in_verl, processor, expected, media: Path, limits) -> None:
    """Media above the budget cost evaluation more tokens than training, unless they are read within the same budget."""
    for name, key in (("large images", "image"), ("large frames", "video"), ("a large file", "video")):
        budget = {key: {"max_pixels": limits[f"{key}_max_pixels"]}}
        within = in_transformers(processor, media, question(name), **budget)["input_ids"][0].tolist()
        assert within == in_verl(name)["prompt_ids"]
    assert len(expected("large frames")) > 5 * len(in_verl("large frames")["prompt_ids"])


@pytest.mark.parametrize("name", ["text", "two images", "3 frames at 2 fps"])
def test_fine_tuning_learns_the_answer_and_its_end_and_nothing_else(in_llamafactory, processor, name: str) -> None:
    row = in_llamafactory(name)
    learnt = [label for label in row["labels"] if label != IGNORED]
    assert row["labels"] == [IGNORED] * (len(row["labels"]) - len(learnt)) + row["input_ids"][-len(learnt) :]
    assert processor.tokenizer.decode(learnt) == f"{ANSWER}<|im_end|>\n"  # the template ends a turn with the newline


# -- vLLM --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def vllm(model: Path) -> Any:
    """The processor of the installed vLLM and the model configuration it was made from."""
    pytest.importorskip("vllm")
    from vllm.config import ModelConfig
    from vllm.multimodal import MULTIMODAL_REGISTRY
    from vllm.multimodal.processing.context import TimingContext
    from vllm.multimodal.processing.inputs import ProcessorInputs

    config = ModelConfig(model=str(model), tokenizer=str(model), dtype="float32", max_model_len=4096)
    made = MULTIMODAL_REGISTRY.create_processor(config)

    def tokens(ids: list[int], media: dict[str, Any]) -> list[int]:
        items = made.info.parse_mm_data(media)
        return made.apply(ProcessorInputs(prompt=ids, mm_data_items=items), TimingContext(enabled=False))[
            "prompt_token_ids"
        ]

    return SimpleNamespace(config=config, tokens=tokens)


class Reached(Exception):
    """The rollout engine was given `args[0]`."""


def given_to_engine(config: Any, processor: Any, request: dict[str, Any]) -> dict[str, Any]:
    """What veRL's own server hands to the engine of vLLM for a request of an agent loop."""
    from verl.workers.rollout.vllm_rollout.vllm_async_server import vLLMHttpServer

    def reached(prompt, **_):
        raise Reached(prompt)

    async def admitted(request_id):
        return None

    engine = SimpleNamespace(generate=reached, vllm_config=SimpleNamespace(speculative_config=None))
    server = SimpleNamespace(
        config=config.actor_rollout_ref.rollout, model_config=SimpleNamespace(processor=processor),
        engine=engine, _park_until_admitted=admitted, lora_as_adapter=False,
        _disaggregation_role=None, _pd_decode_peers=[], replica_rank=0,
    )  # fmt: skip
    media = {key: request[key] for key in ("image_data", "video_data")}
    with pytest.raises(Reached) as raised:
        asyncio.run(vLLMHttpServer.generate(server, request["prompt_ids"], {}, "request", **media))
    return raised.value.args[0]


@only_tiny
@pytest.mark.e2e
@pytest.mark.parametrize("name", NAMES)
def test_the_rollout_engine_expands_the_prompt_to_the_tokens_of_training(
    vllm, in_verl, config, processor, name
) -> None:
    request = in_verl(name)
    given = given_to_engine(config, processor, request)
    media = given["multi_modal_data"]
    assert (vllm.tokens(given["prompt_token_ids"], media) if media else given["prompt_token_ids"]) == request[
        "prompt_ids"
    ]


@only_tiny
@pytest.mark.e2e
def test_upstream_still_needs_its_patch_for_videos(vllm, in_verl, config, processor) -> None:
    from verl.workers.rollout.vllm_rollout import vllm_async_server

    stock = SimpleNamespace(
        qwen2_5_vl_dedup_image_tokens=vllm_async_server.qwen2_5_vl_dedup_image_tokens.__wrapped__  # type: ignore[attr-defined]
    )
    assert verl_vllm_generate.needed(stock)
    request = in_verl("4 frames at 2 fps")
    ids = stock.qwen2_5_vl_dedup_image_tokens(request["prompt_ids"], processor)
    assert vllm.tokens(ids, {"video": request["video_data"]}) != request["prompt_ids"]


@only_tiny
@pytest.mark.e2e
@pytest.mark.parametrize("order", ["ordered", "reversed"])
@pytest.mark.parametrize("name", QUESTIONS)
def test_the_chat_server_sees_the_same_tokens(vllm, processor, expected, media: Path, name: str, order) -> None:
    from vllm.entrypoints.chat_utils import parse_chat_messages
    from vllm.renderers.hf import resolve_chat_template_content_format, safe_apply_chat_template

    sampling = {"fps": SAMPLING["video_fps"], "max_frames": SAMPLING["video_maxlen"]}
    body = request_body(Asked.model_validate(prompt.eval_row(question(name))), media, sampling=sampling, order=order)
    kind = resolve_chat_template_content_format(None, None, "auto", processor.tokenizer, model_config=vllm.config)
    turns, sent, _ = parse_chat_messages(body["messages"], vllm.config, kind, body.get("media_io_kwargs"))
    text = safe_apply_chat_template(
        vllm.config, processor.tokenizer, turns, tools=None, chat_template=None, tokenize=False,
        add_generation_prompt=True,
    )  # fmt: skip
    ids = processor.tokenizer.encode(text, add_special_tokens=False)
    seen = vllm.tokens(ids, sent) if sent else ids
    assert seen == expected(name)
