"""Tiny Qwen3.5, Qwen3-VL, Qwen2.5-VL and Qwen2.5 in the ordinary Hugging Face layout, from random weights.

They are small (about a million parameters) and otherwise the real thing: the same classes, processors, special tokens
and chat template, so that whatever runs on them runs on the full models. `initializer_range` is 0.08, not 0.02: at this
size the usual value never learns to bind an option to its letter.
"""

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from firsthand import files
from firsthand.serving.tower_names import repair

VOCAB = 2048  # at most; today's corpus uses about half of it
INIT = 0.08
TEXT: dict[str, Any] = dict(
    hidden_size=128, intermediate_size=384, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2,
    max_position_embeddings=4096, initializer_range=INIT, rms_norm_eps=1e-6, tie_word_embeddings=True,
)  # fmt: skip
VISION: dict[str, Any] = dict(
    depth=3, hidden_size=128, num_heads=4, intermediate_size=256, patch_size=16, temporal_patch_size=2,
    out_hidden_size=TEXT["hidden_size"], initializer_range=INIT,
)  # fmt: skip
ROPE: dict[str, Any] = {"rope_type": "default", "rope_theta": 10000.0}
OF_MEDIA = {"mrope_section": [6, 5, 5]}  # of text and media: pairs for time, height, width
# Qwen3.5: three layers of a gated delta rule, then one of attention; a quarter of each head is turned by position. On a
# CPU vLLM takes linear heads of 64 or 128, and their state in float32.
DELTA: dict[str, Any] = dict(
    head_dim=64, linear_key_head_dim=64, linear_value_head_dim=64, linear_num_key_heads=1, linear_num_value_heads=2,
    mamba_ssm_dtype="float32",
    rope_parameters=ROPE | {"mrope_section": [3, 3, 2], "mrope_interleaved": True, "partial_rotary_factor": 0.25},
)  # fmt: skip
SPECIAL = [f"<|{name}|>" for name in (
    "endoftext", "im_start", "im_end", "object_ref_start", "object_ref_end", "box_start", "box_end", "quad_start",
    "quad_end", "vision_start", "vision_end", "vision_pad", "image_pad", "video_pad",
)]  # fmt: skip
ADDED = ["<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<think>", "</think>"]

# The pre-tokenizer of the Qwen family: words with their leading space, single digits, runs of punctuation.
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def chat_template(kind: str) -> str:
    """At least as strict as the released template of this kind: what that one refuses or loses is an error. Qwen3.5's
    rewrites turns and begins the reply; this one keeps every turn and begins none, as LLaMA-Factory does.

    Qwen's tool instructions are read from LLaMA-Factory, so that SFT and RL prompts agree."""
    from llamafactory.data import tool_utils

    sees, xml, folder = kind != "qwen2_5", kind == "qwen3_5", Path(__file__).parent
    facts = {"sees": sees, "describes_tools": kind != "qwen2_5_vl"}
    lines = [f"{{%- set {name} = {str(value).lower()} -%}}\n" for name, value in facts.items()]
    names = ("content_parts.jinja" if sees else "content_text.jinja", "chat_template.jinja")
    text = "".join([*lines, *((folder / name).read_text() for name in names)]).rstrip("\n")
    text = text.replace("            CALL\n", (folder / f"call_{'xml' if xml else 'json'}.jinja").read_text())
    instructions = tool_utils.QWEN_TOOL_PROMPT
    if xml:  # LLaMA-Factory also takes the schema out of its `{"type": "function", ...}`
        instructions = tool_utils.QWEN35_TOOL_PROMPT
        text = text.replace("(tool | tojson)", "((tool.function or tool) | tojson)")
    before, after = instructions.format(tool_text="\0").split("\0")
    return text.replace("TOOLS_BEFORE", json.dumps(before)).replace("TOOLS_AFTER", json.dumps(after))


def build(kind: str, out: Path, corpus: Iterable[str], seed: int = 0) -> int:
    """Write one random model (`qwen3_5`, `qwen3_vl`, ...) to `out`; returns its parameter count."""
    import torch
    from transformers import GenerationConfig

    tokenizer = _tokenizer(corpus)
    tokenizer.chat_template = chat_template(kind)
    ids = {token.strip("<|>"): tokenizer.convert_tokens_to_ids(token) for token in SPECIAL}
    torch.manual_seed(seed)
    model = _model(kind, len(tokenizer), ids)
    model.generation_config = GenerationConfig(
        eos_token_id=[ids["im_end"], ids["endoftext"]], pad_token_id=ids["endoftext"], do_sample=True, temperature=1.0
    )
    model.to(torch.bfloat16).save_pretrained(out)
    repair(out)
    # what is stored in bfloat16 is loaded as float32: few CPUs have fast products of bfloat16
    config = out / "config.json"
    files.write_text(config, config.read_text().replace('"dtype": "bfloat16"', '"dtype": "float32"'))
    _processor(kind, tokenizer).save_pretrained(out)
    return sum(p.numel() for p in model.parameters())


def _model(kind: str, vocab: int, ids: dict[str, int]) -> Any:
    import transformers as hf

    text = TEXT | dict(vocab_size=vocab, eos_token_id=ids["im_end"], pad_token_id=ids["endoftext"])
    if kind == "qwen2_5":
        return hf.Qwen2ForCausalLM(hf.Qwen2Config(**text, rope_parameters=ROPE))
    media = dict(
        image_token_id=ids["image_pad"], video_token_id=ids["video_pad"], vision_start_token_id=ids["vision_start"],
        vision_end_token_id=ids["vision_end"], tie_word_embeddings=True,
    )  # fmt: skip
    if kind == "qwen2_5_vl":
        text["rope_parameters"] = ROPE | OF_MEDIA
        vision = VISION | dict(patch_size=14, window_size=56, fullatt_block_indexes=[1, 2], tokens_per_second=2)
        config = hf.Qwen2_5_VLConfig(text_config=text, vision_config=vision, **media)
        return hf.Qwen2_5_VLForConditionalGeneration(config)
    if kind == "qwen3_5":
        text |= DELTA | {"architectures": ["Qwen3_5ForCausalLM"]}
        vision = VISION | dict(num_position_embeddings=64)
        config = hf.Qwen3_5Config(text_config=text, vision_config=vision, **media)
        return with_memory(hf.Qwen3_5ForConditionalGeneration(config))
    text |= dict(head_dim=32, rope_parameters=ROPE | OF_MEDIA | {"mrope_interleaved": True})
    text["architectures"] = ["Qwen3ForCausalLM"]  # vLLM 0.28 on CPU looks for it and fails without
    vision = VISION | dict(num_position_embeddings=64, deepstack_visual_indexes=[0, 1])
    return hf.Qwen3VLForConditionalGeneration(hf.Qwen3VLConfig(text_config=text, vision_config=vision, **media))


def with_memory(model: Any) -> Any:
    """Gives the gated delta heads of a random model steps between 0.001 and 0.1, as the authors of that rule draw them.

    transformers gives each a step of 1.3, so a state keeps e^-10 of itself from one token to the next, and three layers
    of four remember nothing. A model that began so did not learn to bind an option to its letter in 1,670 steps."""
    import torch

    for name, bias in model.named_parameters():
        if name.endswith("linear_attn.dt_bias"):
            step = 0.001 * torch.exp(torch.rand_like(bias) * math.log(100))
            bias.data = step + torch.log(-torch.expm1(-step))  # whose softplus is the step
    return model


def _processor(kind: str, tokenizer: Any) -> Any:
    import transformers as hf

    if kind == "qwen2_5":
        return tokenizer
    if kind == "qwen2_5_vl":
        patches: dict[str, Any] = dict(patch_size=14, size={"shortest_edge": 28 * 28, "longest_edge": 256 * 256})
        image, video = hf.Qwen2VLImageProcessor(**patches), hf.Qwen2VLVideoProcessor(**patches)
        return hf.Qwen2_5_VLProcessor(image, tokenizer, video, chat_template=tokenizer.chat_template)
    norm: dict[str, Any] = dict(image_mean=[0.5] * 3, image_std=[0.5] * 3, patch_size=16)
    image = hf.Qwen2VLImageProcessor(size={"shortest_edge": 32 * 32, "longest_edge": 256 * 256}, **norm)
    video_size = {"shortest_edge": 2 * 32 * 32, "longest_edge": 64 * 256 * 256}
    video = hf.Qwen3VLVideoProcessor(size=video_size, **norm)
    return hf.Qwen3VLProcessor(image, tokenizer, video, chat_template=tokenizer.chat_template)


def cut_like_qwen(bpe: Any) -> None:
    """Gives a BPE the normalizer, pre-tokenizer and decoder of the Qwen family."""
    from tokenizers import Regex, decoders, normalizers, pre_tokenizers

    bpe.normalizer = normalizers.NFC()
    bpe.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(SPLIT), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])  # fmt: skip
    bpe.decoder = decoders.ByteLevel()


def _tokenizer(corpus: Iterable[str]) -> Any:
    """A small byte-level BPE tokenizer in Qwen's layout: every toy word is one token, every other text still encodes.

    It has Qwen3's special and added tokens under their own names, so that templates, processors and parsers of the
    frameworks meet what they expect; only the ids differ.
    """
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, trainers
    from transformers import Qwen2Tokenizer

    bpe = Tokenizer(models.BPE(byte_fallback=False))
    cut_like_qwen(bpe)
    alphabet, room = sorted(pre_tokenizers.ByteLevel.alphabet()), VOCAB - len(SPECIAL) - len(ADDED)
    trainer = trainers.BpeTrainer(vocab_size=room, min_frequency=1, initial_alphabet=alphabet, show_progress=False)
    bpe.train_from_iterator(corpus, trainer)
    bpe.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    bpe.add_tokens([AddedToken(token, special=False, normalized=False) for token in ADDED])
    named = {"unk_token": None, "bos_token": None, "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
    return Qwen2Tokenizer(tokenizer_object=bpe, additional_special_tokens=SPECIAL[1:], model_max_length=32768, **named)
