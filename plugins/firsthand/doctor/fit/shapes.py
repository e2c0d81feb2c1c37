"""The shape of a model, from the config.json of its folder or from a table of released ones, and its parameters."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from firsthand.errors import UserError

MERGE = 2  # patches of one token, each way
STEP = 2  # frames of one patch


@dataclass(frozen=True)
class Vision:
    depth: int
    width: int
    inner: int
    out: int
    patch: int
    gated: bool = False  # a feed-forward layer of three matrices, and norms without bias (Qwen2.5-VL)
    positions: int = 0  # learnt ones, and a bias in the first layer (Qwen3-VL)
    deep: int = 0  # further mergers, whose output enters layers of the language model

    @property
    def pixels(self) -> int:
        """Numbers that the processor hands over for a patch."""
        return 3 * STEP * self.patch**2

    @property
    def block(self) -> int:
        feed = 3 * self.width * self.inner + 2 * self.inner if self.gated else 2 * self.width * self.inner + self.inner
        norms = 2 * self.width * (1 if self.gated else 2)
        return norms + 4 * self.width**2 + 4 * self.width + feed + self.width

    @property
    def parameters(self) -> int:
        merged = self.width * MERGE**2
        merger = merged * merged + merged + merged * self.out + self.out
        first = self.pixels * self.width + (self.width if self.positions else 0) + self.positions * self.width
        norms = self.width * (1 if self.gated else 2) + self.deep * 2 * merged
        return first + self.depth * self.block + (1 + self.deep) * merger + norms


@dataclass(frozen=True)
class Delta:
    """Layers with a gated delta rule in the place of attention: all but every fourth of Qwen3.5."""

    layers: int
    key_heads: int
    value_heads: int
    head: int  # numbers of one head, keys and values alike
    kernel: int = 4

    @property
    def keys(self) -> int:
        return self.key_heads * self.head

    @property
    def values(self) -> int:
        return self.value_heads * self.head

    @property
    def mixed(self) -> int:
        """Queries, keys and values, which pass a short convolution together."""
        return 2 * self.keys + self.values


@dataclass(frozen=True)
class Shape:
    family: str  # model_type of config.json
    width: int
    layers: int
    heads: int
    kv_heads: int
    head: int  # numbers of one head
    inner: int
    vocabulary: int
    tied: bool
    vision: Vision | None = None
    delta: Delta | None = None

    @property
    def has_norms_of_heads(self) -> bool:
        return self.family.startswith("qwen3")

    @property
    def attending(self) -> int:
        """Layers with attention; only they keep keys and values of every token."""
        return self.layers - (self.delta.layers if self.delta else 0)

    @property
    def matrices(self) -> list[tuple[int, int]]:
        """Input and output of each linear layer of a layer with attention; an adapter stands beside each of them."""
        queries, keys = self.heads * self.head, self.kv_heads * self.head
        gated = 2 * queries if self.delta else queries
        return [(self.width, gated), (self.width, keys), (self.width, keys), (queries, self.width), *self._feed]

    @property
    def delta_matrices(self) -> list[tuple[int, int]]:
        if not self.delta:
            return []
        made = (self.delta.mixed, self.delta.values, self.delta.value_heads, self.delta.value_heads)
        return [*((self.width, one) for one in made), (self.delta.values, self.width), *self._feed]

    @property
    def _feed(self) -> list[tuple[int, int]]:
        return [(self.width, self.inner), (self.width, self.inner), (self.inner, self.width)]

    @property
    def attention_layer(self) -> int:
        own = 2 * self.head if self.has_norms_of_heads else (self.heads + 2 * self.kv_heads) * self.head
        return _sizes(self.matrices) + 2 * self.width + own

    @property
    def delta_layer(self) -> int:
        if not self.delta:
            return 0
        own = self.delta.mixed * self.delta.kernel + 2 * self.delta.value_heads + self.delta.head
        return _sizes(self.delta_matrices) + 2 * self.width + own

    @property
    def layer(self) -> int:
        """Parameters of the largest one."""
        return max(self.attention_layer, self.delta_layer)

    @property
    def embedding(self) -> int:
        return self.vocabulary * self.width

    @property
    def language(self) -> int:
        layers = self.attending * self.attention_layer + (self.layers - self.attending) * self.delta_layer
        return layers + self.embedding * (1 if self.tied else 2) + self.width

    @property
    def parameters(self) -> int:
        return self.language + (self.vision.parameters if self.vision else 0)

    def adapter(self, rank: int) -> int:
        every = self.attending * self.matrices + (self.layers - self.attending) * self.delta_matrices
        return sum(rank * (one + other) for one, other in every)


def _sizes(matrices: list[tuple[int, int]]) -> int:
    return sum(one * other for one, other in matrices)


QWEN2_VISION: dict[str, Any] = {"depth": 32, "width": 1280, "patch": 14}
QWEN25_VISION = QWEN2_VISION | {"inner": 3420, "gated": True}
QWEN3_VISION: dict[str, Any] = {"patch": 16, "positions": 2304, "deep": 3}
SMALL_QWEN3_VISION = QWEN3_VISION | {"depth": 24, "width": 1024, "inner": 4096}
VISION_OF_8B = Vision(depth=27, width=1152, inner=4304, out=4096, **QWEN3_VISION)
OF_3B: dict[str, Any] = {"width": 2048, "layers": 36, "heads": 16, "kv_heads": 2, "head": 128, "inner": 11008,
         "vocabulary": 151936, "tied": True}  # fmt: skip
OF_7B: dict[str, Any] = {"width": 3584, "layers": 28, "heads": 28, "kv_heads": 4, "head": 128, "inner": 18944,
         "vocabulary": 152064, "tied": False}  # fmt: skip
OF_4B: dict[str, Any] = {"width": 2560, "layers": 36, "heads": 32, "kv_heads": 8, "head": 128, "inner": 9728,
         "vocabulary": 151936, "tied": True}  # fmt: skip
OF_8B = OF_4B | {"width": 4096, "inner": 12288, "tied": False}
OF_QWEN35: dict[str, Any] = {"layers": 32, "heads": 16, "kv_heads": 4, "head": 256, "vocabulary": 248320,
             "delta": Delta(24, 16, 32, 128)}  # fmt: skip
OF_35_4B = OF_QWEN35 | {"width": 2560, "inner": 9216, "tied": True}
OF_35_9B = OF_QWEN35 | {"width": 4096, "inner": 12288, "tied": False}
SMALL_QWEN35_VISION = SMALL_QWEN3_VISION | {"deep": 0}
# The name of a released model begins with one of these.
RELEASED = {
    "Qwen2.5-VL-3B": Shape("qwen2_5_vl", **OF_3B, vision=Vision(out=2048, **QWEN25_VISION)),
    "Qwen2.5-VL-7B": Shape("qwen2_5_vl", **OF_7B, vision=Vision(out=3584, **QWEN25_VISION)),
    "Qwen2-VL-7B": Shape("qwen2_vl", **OF_7B, vision=Vision(out=3584, inner=5120, **QWEN2_VISION)),
    "Qwen2.5-3B": Shape("qwen2", **OF_3B),
    "Qwen2.5-7B": Shape("qwen2", **OF_7B),
    "Qwen3-4B": Shape("qwen3", **OF_4B),
    "Qwen3-8B": Shape("qwen3", **OF_8B),
    "Qwen3-VL-4B": Shape("qwen3_vl", **OF_4B, vision=Vision(out=2560, **SMALL_QWEN3_VISION)),
    "Qwen3-VL-8B": Shape("qwen3_vl", **OF_8B, vision=VISION_OF_8B),
    "Qwen3.5-4B": Shape("qwen3_5", **OF_35_4B, vision=Vision(out=2560, **SMALL_QWEN35_VISION)),
    "Qwen3.5-9B": Shape("qwen3_5", **OF_35_9B, vision=replace(VISION_OF_8B, deep=0)),
}


def shape(model: str, instead: str | None = None) -> Shape:
    """The shape of a folder or a released name; `instead` is asked where the folder is not made yet."""
    for name in filter(None, (model, instead)):
        config = Path(name) / "config.json"
        if config.is_file():
            return of_config(json.loads(config.read_text()), config)
        last = name.rstrip("/").rpartition("/")[2]
        found = [shape for begin, shape in RELEASED.items() if last.lower().startswith(begin.lower())]
        if found:
            return found[0]
    known = ", ".join(RELEASED)
    raise UserError(f"{model}: no config.json there, and no known shape; --model takes its folder, or one of {known}")


def of_config(config: Mapping[str, Any], file: Path) -> Shape:
    text, seeing = {**config, **(config.get("text_config") or {})}, config.get("vision_config")
    family = str(config.get("model_type"))
    if family not in {known.family for known in RELEASED.values()}:
        raise UserError(f"{file}: the parts of a {family} are not known; dense Qwen2 to Qwen3.5 are")
    try:
        return Shape(
            family=family,
            width=text["hidden_size"],
            layers=text["num_hidden_layers"],
            heads=text["num_attention_heads"],
            kv_heads=text["num_key_value_heads"],
            head=text.get("head_dim") or text["hidden_size"] // text["num_attention_heads"],
            inner=text["intermediate_size"],
            vocabulary=text["vocab_size"],
            tied=bool(config.get("tie_word_embeddings", text.get("tie_word_embeddings", False))),
            vision=_vision(family, seeing) if seeing else None,
            delta=_delta(text) if family == "qwen3_5" else None,
        )
    except (KeyError, TypeError) as error:
        raise UserError(f"{file}: {error} is missing or no number") from None


def _delta(text: Mapping[str, Any]) -> Delta:
    layers = list(text["layer_types"]).count("linear_attention")
    heads = text["linear_num_key_heads"], text["linear_num_value_heads"]
    return Delta(layers, *heads, text["linear_value_head_dim"], text["linear_conv_kernel_dim"])


def _vision(family: str, config: Mapping[str, Any]) -> Vision:
    if family == "qwen2_vl":
        width = config["embed_dim"]
        inner = int(width * config.get("mlp_ratio", 4))
        return Vision(config["depth"], width, inner, config["hidden_size"], config.get("patch_size", 14))
    given = (config["depth"], config["hidden_size"], config["intermediate_size"], config["out_hidden_size"])
    if family == "qwen2_5_vl":
        return Vision(*given, config.get("patch_size", 14), gated=True)
    deep = 0 if family == "qwen3_5" else len(config.get("deepstack_visual_indexes", (8, 16, 24)))
    return Vision(
        *given, config.get("patch_size", 16), positions=config.get("num_position_embeddings", 2304), deep=deep
    )
