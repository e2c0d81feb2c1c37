"""What Qwen released, as objects that every framework takes: chat templates, vocabulary and the settings of processors.

`launch/released_templates.py` fetches the files. There are no weights, so nothing here is a model."""

import base64
import copy
import itertools
import json
import os
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from firsthand.toy.tiny_models.models import ADDED, SPECIAL, chat_template, cut_like_qwen

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache/released"
VOCABULARY = CACHE / "qwen.tiktoken"
# the template -> our recipe of that family, what differs from it, and the `model_type` that veRL knows it by; Qwen3.5
# has the template that our recipes give it
FAMILIES: dict[str, tuple[str, dict[str, Any], str]] = {
    "qwen2_5": ("ego_r1/tiny_sft.yaml", {}, "qwen2"),
    "qwen2_5_vl": ("video_r1/tiny_sft.yaml", {}, "qwen2_5_vl"),
    "qwen3": ("ego_r1/tiny_sft.yaml", {"template": "qwen3_nothink"}, "qwen3"),
    "qwen3_vl": ("tiny_sft_qwen3vl_lora.yaml", {}, "qwen3_vl"),
    "qwen3_5": ("tiny_sft_qwen3_5_lora.yaml", {}, "qwen3_5"),
    "qwen3_instruct_2507": ("ego_r1/tiny_sft.yaml", {"template": "qwen3_nothink"}, "qwen3"),
}
RELEASED = [*(name for name in FAMILIES if name != "qwen3_5"), "qwen3_5_think", "qwen3_5_nothink"]
MISSING = [path.name for path in [VOCABULARY, *(CACHE / f"{name}.jinja" for name in RELEASED)] if not path.exists()]
WHY = f"{len(MISSING)} files are not in .cache/released: run `.venv/bin/python launch/released_templates.py`"
needed = pytest.mark.skipif(bool(MISSING), reason=WHY)
CODE = ["<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>"]
# in the order of their ids, which begin where the vocabulary ends; the last four came with Qwen3
TOKENS = [*SPECIAL, *ADDED[:2], *CODE, *ADDED[2:]]


def ranks() -> dict[bytes, int]:
    lines = [line.split() for line in VOCABULARY.read_bytes().splitlines()]
    return {base64.b64decode(token): int(rank) for token, rank in lines}


def merges(ranked: dict[bytes, int]) -> list[tuple[bytes, bytes]]:
    """The two parts that each token is merged from, by the merges of lower rank."""
    found = []
    for token in sorted(ranked, key=ranked.__getitem__):
        parts = [token[place : place + 1] for place in range(len(token))]
        while len(parts) > 2:
            joined = [ranked.get(left + right, len(ranked)) for left, right in itertools.pairwise(parts)]
            first = joined.index(min(joined))
            parts[first : first + 2] = [parts[first] + parts[first + 1]]
        if len(parts) == 2:
            found.append((parts[0], parts[1]))
    return found


def converted() -> Path:
    """The vocabulary in the form of `tokenizers`; it takes seconds, so it is made once for this code."""
    from tokenizers import Tokenizer, models
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    made = CACHE / "tokenizer.json"
    if made.exists() and made.stat().st_mtime > Path(__file__).stat().st_mtime:
        return made
    letters, ranked = bytes_to_unicode(), ranks()

    def written(token: bytes) -> str:
        return "".join(map(letters.__getitem__, token))

    vocabulary = {written(token): rank for token, rank in ranked.items()}
    bpe = Tokenizer(models.BPE(vocabulary, [(written(left), written(right)) for left, right in merges(ranked)]))
    cut_like_qwen(bpe)
    unfinished = made.with_suffix(f".{os.getpid()}")
    bpe.save(str(unfinished), pretty=False)
    unfinished.replace(made)
    return made


@cache
def _tokenizer(tokens: int) -> Any:
    """With the first `tokens` of the tokens that are no text."""
    from tokenizers import AddedToken, Tokenizer
    from transformers import Qwen2Tokenizer

    bpe = Tokenizer.from_file(str(converted()))
    bpe.add_tokens([AddedToken(token, special=token in SPECIAL, normalized=False) for token in TOKENS[:tokens]])
    return Qwen2Tokenizer(
        tokenizer_object=bpe, unk_token=None, bos_token=None, eos_token="<|im_end|>", pad_token="<|endoftext|>",
        additional_special_tokens=SPECIAL[1:], model_max_length=131072,
    )  # fmt: skip


def _processor(name: str, tokenizer: Any) -> Any:
    """The sizes are those of the released models."""
    import transformers as hf

    template = tokenizer.chat_template
    if name == "qwen2_5_vl":
        size = dict(patch_size=14, size={"shortest_edge": 3136, "longest_edge": 12845056})
        image, video = hf.Qwen2VLImageProcessor(**size), hf.Qwen2VLVideoProcessor(**size)
        return hf.Qwen2_5_VLProcessor(image, tokenizer, video, chat_template=template)
    if name not in ("qwen3_vl", "qwen3_5"):
        return None
    norm = dict(image_mean=[0.5] * 3, image_std=[0.5] * 3, patch_size=16)
    image = hf.Qwen2VLImageProcessor(size={"shortest_edge": 65536, "longest_edge": 16777216}, **norm)
    video = hf.Qwen3VLVideoProcessor(size={"shortest_edge": 4096, "longest_edge": 25165824}, **norm)
    return hf.Qwen3VLProcessor(image, tokenizer, video, chat_template=template)


@cache
def release(name: str) -> SimpleNamespace:
    """Tokenizer with the released template, processor where the model sees, and veRL's type of the model."""
    tokenizer = copy.copy(_tokenizer(len(TOKENS) - 4 * name.startswith("qwen2_5")))
    tokenizer.chat_template = chat_template(name) if name == "qwen3_5" else (CACHE / f"{name}.jinja").read_text()
    processor = _processor(name, tokenizer)
    return SimpleNamespace(tokenizer=tokenizer, processor=processor, model_type=FAMILIES[name][2])


def fine_tuned(name: str, rows: list[dict[str, Any]], entry: dict[str, Any], **changes: Any) -> list[dict[str, Any]]:
    """`input_ids` and `labels` of rows, by LLaMA-Factory's own converter and preprocessing under our recipe.

    `entry` is what dataset_info.json says of them. No data set is written; tiny models are tested with one."""
    from llamafactory.data import get_template_and_fix_tokenizer
    from llamafactory.data.converter import get_dataset_converter
    from llamafactory.data.loader import _get_dataset_processor
    from llamafactory.data.parser import get_dataset_list
    from llamafactory.hparams import get_train_args
    from llamafactory.model.patcher import patch_processor, patch_tokenizer

    recipe, family, _ = FAMILIES[name]
    settings = yaml.safe_load((ROOT / "recipes" / recipe).read_text()) | {"cutoff_len": 8192} | family | changes
    model_args, data_args, _, _, _ = get_train_args(settings)
    tokenizer, processor = release(name).tokenizer, copy.copy(release(name).processor)
    patch_tokenizer(tokenizer, model_args)
    if processor:
        patch_processor(processor, tokenizer, model_args)
    template = get_template_and_fix_tokenizer(tokenizer, data_args)
    [described] = get_dataset_list(["rows"], {"rows": {"file_name": "rows.json", **entry}})
    convert = get_dataset_converter(described.formatting, described, data_args)
    examples = [
        convert(row) for row in json.loads(json.dumps(rows))
    ]  # as from a file: a clip gets more frames in place
    columns = {key: [example[key] for example in examples] for key in examples[0]}
    made = _get_dataset_processor(data_args, "sft", template, tokenizer, processor).preprocess_dataset(columns)
    plugin = {"template": template, "processor": processor}
    return [
        {"input_ids": ids, "labels": labels, **plugin}
        for ids, labels in zip(made["input_ids"], made["labels"], strict=True)
    ]
