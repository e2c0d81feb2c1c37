"""Tiny Qwen3-VL, Qwen2.5-VL and Qwen2.5 in the ordinary Hugging Face layout, from random weights.

They are small (about a million parameters) and otherwise the real thing: the same classes, processors, special tokens
and chat template, so that whatever runs on them runs on the full models. `initializer_range` is 0.08, not 0.02: at this
size the usual value never learns to bind an option to its letter.
"""

from collections.abc import Iterable
from pathlib import Path

from firsthand import files

VOCAB = 2048  # at most; today's corpus uses about half of it
INIT = 0.08
TEXT = dict(
    hidden_size=128,
    intermediate_size=384,
    num_hidden_layers=4,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=4096,
    initializer_range=INIT,
    rms_norm_eps=1e-6,
    tie_word_embeddings=True,
)
VISION = dict(depth=3, hidden_size=128, num_heads=4, intermediate_size=256, patch_size=16, temporal_patch_size=2)
PIXELS = {"shortest_edge": 32 * 32, "longest_edge": 256 * 256}


def chat_template(kind: str) -> str:
    """At least as strict as the released template of this kind: what that one refuses or loses is an error.

    Qwen's tool instructions are read from LLaMA-Factory, so that SFT and RL prompts agree."""
    import json

    from llamafactory.data.tool_utils import QWEN_TOOL_PROMPT

    sees, folder = kind != "qwen2_5", Path(__file__).parent
    facts = {"sees": sees, "describes_tools": kind != "qwen2_5_vl"}
    lines = [f"{{%- set {name} = {str(value).lower()} -%}}\n" for name, value in facts.items()]
    names = ("content_parts.jinja" if sees else "content_text.jinja", "chat_template.jinja")
    text = "".join([*lines, *((folder / name).read_text() for name in names)]).rstrip("\n")
    before, after = QWEN_TOOL_PROMPT.format(tool_text="\0").split("\0")
    return text.replace("TOOLS_BEFORE", json.dumps(before)).replace("TOOLS_AFTER", json.dumps(after))


def build(kind: str, out: Path, corpus: Iterable[str], seed: int = 0) -> int:
    """Write one random model (`qwen3_vl`, `qwen2_5_vl` or `qwen2_5`) to `out`; returns its parameter count."""
    import torch
    from transformers import GenerationConfig

    from firsthand.toy.tiny_models.tokenizer import train_tokenizer

    tokenizer = train_tokenizer(corpus, VOCAB)
    tokenizer.chat_template = chat_template(kind)
    ids = {name: tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in SPECIAL_IDS}
    torch.manual_seed(seed)
    model = {"qwen3_vl": _qwen3_vl, "qwen2_5_vl": _qwen2_5_vl, "qwen2_5": _qwen2_5}[kind](len(tokenizer), ids)
    model.generation_config = GenerationConfig(
        eos_token_id=[ids["im_end"], ids["endoftext"]], pad_token_id=ids["endoftext"], do_sample=True, temperature=1.0
    )
    model.to(torch.bfloat16).save_pretrained(out)
    _compute_in_float32(out / "config.json")
    _processor(kind, tokenizer).save_pretrained(out)
    return sum(p.numel() for p in model.parameters())


def _compute_in_float32(config: Path) -> None:
    """What is stored in bfloat16 is loaded as float32: few CPUs have fast products of bfloat16."""
    files.write_text(config, config.read_text().replace('"dtype": "bfloat16"', '"dtype": "float32"'))


SPECIAL_IDS = ["endoftext", "im_end", "vision_start", "vision_end", "image_pad", "video_pad"]


def _media_ids(ids: dict[str, int]) -> dict[str, int]:
    return dict(
        image_token_id=ids["image_pad"],
        video_token_id=ids["video_pad"],
        vision_start_token_id=ids["vision_start"],
        vision_end_token_id=ids["vision_end"],
        tie_word_embeddings=True,
    )


def _text(vocab: int, ids: dict[str, int], **more) -> dict:
    return {**TEXT, "vocab_size": vocab, "eos_token_id": ids["im_end"], "pad_token_id": ids["endoftext"], **more}


def _qwen3_vl(vocab: int, ids: dict[str, int]):
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

    config = Qwen3VLConfig(
        # vLLM 0.28 on CPU looks for `architectures` of the text part and fails without it.
        text_config=_text(
            vocab,
            ids,
            head_dim=32,
            architectures=["Qwen3ForCausalLM"],
            rope_parameters={
                "rope_type": "default",
                "rope_theta": 10000.0,
                "mrope_section": [6, 5, 5],
                "mrope_interleaved": True,
            },
        ),
        vision_config={
            **VISION,
            "out_hidden_size": TEXT["hidden_size"],
            "num_position_embeddings": 64,
            "deepstack_visual_indexes": [0, 1],
            "initializer_range": INIT,
        },
        **_media_ids(ids),
    )
    return Qwen3VLForConditionalGeneration(config)


def _qwen2_5_vl(vocab: int, ids: dict[str, int]):
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    config = Qwen2_5_VLConfig(
        text_config=_text(
            vocab,
            ids,
            rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [6, 5, 5]},
        ),
        vision_config={
            **VISION,
            "patch_size": 14,
            "out_hidden_size": TEXT["hidden_size"],
            "window_size": 56,
            "fullatt_block_indexes": [1, 2],
            "tokens_per_second": 2,
            "initializer_range": INIT,
        },
        **_media_ids(ids),
    )
    return Qwen2_5_VLForConditionalGeneration(config)


def _qwen2_5(vocab: int, ids: dict[str, int]):
    from transformers import Qwen2Config, Qwen2ForCausalLM

    return Qwen2ForCausalLM(
        Qwen2Config(**_text(vocab, ids, rope_parameters={"rope_type": "default", "rope_theta": 10000.0}))
    )


def _processor(kind: str, tokenizer):
    if kind == "qwen2_5":
        return tokenizer
    from transformers import (
        Qwen2_5_VLProcessor,
        Qwen2VLImageProcessor,
        Qwen2VLVideoProcessor,
        Qwen3VLProcessor,
        Qwen3VLVideoProcessor,
    )

    template = tokenizer.chat_template
    if kind == "qwen2_5_vl":
        size = dict(patch_size=14, size={"shortest_edge": 28 * 28, "longest_edge": 256 * 256})
        return Qwen2_5_VLProcessor(
            Qwen2VLImageProcessor(**size), tokenizer, Qwen2VLVideoProcessor(**size), chat_template=template
        )
    norm = dict(image_mean=[0.5] * 3, image_std=[0.5] * 3, patch_size=16)
    video_size = {"shortest_edge": 2 * 32 * 32, "longest_edge": 64 * 256 * 256}
    return Qwen3VLProcessor(
        Qwen2VLImageProcessor(size=PIXELS, **norm),
        tokenizer,
        Qwen3VLVideoProcessor(size=video_size, **norm),
        chat_template=template,
    )
