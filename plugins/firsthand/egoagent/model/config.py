"""The sizes of EgoAgent and the choices that its paper leaves open (docs/egoagent.md says which are inferred)."""

from typing import Literal

from transformers import LlamaConfig, PreTrainedConfig

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's channels
PATCH = 16  # four convolutions of stride 2


class EgoAgentConfig(PreTrainedConfig):
    model_type = "egoagent"

    hidden_size: int = 96
    num_hidden_layers: int = 4
    num_attention_heads: int = 4
    intermediate_size: int = 256
    stem_norm: Literal["group", "batch"] = "group"
    mask: Literal["causal", "frame_bidirectional"] = "causal"
    head_hidden: int = 2048
    head_bottleneck: int = 256
    prototypes: int = 65536
    joints: int = 17
    poses_per_step: int = 5
    last_pose: bool = False  # a linear map of the last pose before it is added to an action
    initializer_range: float = 0.02

    def trunk(self) -> LlamaConfig:
        """A Llama with biases in its attention, and with no words."""
        return LlamaConfig(
            vocab_size=1,
            hidden_size=self.hidden_size,
            intermediate_size=self.intermediate_size,
            num_hidden_layers=self.num_hidden_layers,
            num_attention_heads=self.num_attention_heads,
            attention_bias=True,
            rms_norm_eps=1e-6,
            initializer_range=self.initializer_range,
            bos_token_id=None,
            eos_token_id=None,
            use_cache=False,
        )


class EgoAgentEncoderConfig(EgoAgentConfig):
    """What the feature extractor alone is saved with."""

    model_type = "egoagent_encoder"
