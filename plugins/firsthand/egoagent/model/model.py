"""EgoAgent. One trunk represents an image, predicts the next state of the world and predicts the next action.

The observer reads `image tokens, q_s`: one image alone. The predictor reads, for each step t,
`image tokens of i_t, q_a, a_t, q_s`. Everything is causal, so the output at q_a(t) cannot know a_t, and the output at
q_s(t), which is the state at t + 1, can.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, LlamaModel, PreTrainedModel, initialization
from transformers.modeling_outputs import BaseModelOutputWithPooling

from firsthand.egoagent.model.config import DEVIATION, MEAN, EgoAgentConfig, EgoAgentEncoderConfig
from firsthand.egoagent.model.heads import ActionHead, LastPose, PoseProjector, StateHead
from firsthand.egoagent.model.mask import attention_mask
from firsthand.egoagent.model.stem import ConvStem


@dataclass(frozen=True)
class Prediction:
    states: Tensor  # [clips, T, hidden]: of the world at t + 1, as they go into the state head
    poses: Tensor  # [clips, T, poses, joints, 3]: action t in metres
    confidence: Tensor  # [clips, T, poses, joints]: logit that the joint is visible


class _PreTrained(PreTrainedModel):
    config_class = EgoAgentConfig
    base_model_prefix = "encoder"
    main_input_name = "pixel_values"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _no_split_modules = ("LlamaDecoderLayer",)

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """N(0, 0.02); what is added to the stream of residuals is scaled down by the depth."""
        super()._init_weights(module)
        spread = self.config.initializer_range
        if isinstance(module, EgoAgentEncoder):
            initialization.normal_(module.state_query, std=spread)
            for layer in module.trunk.layers:
                for linear in (layer.self_attn.o_proj, layer.mlp.down_proj):
                    initialization.normal_(linear.weight, std=spread / math.sqrt(2 * len(module.trunk.layers)))
        elif isinstance(module, EgoAgentModel):
            initialization.normal_(module.action_query, std=spread)
            if module.last_pose is not None:
                initialization.zeros_(module.last_pose.linear.weight)
            initialization.zeros_(module.pose_mean)
            initialization.ones_(module.pose_scale)


class EgoAgentEncoder(_PreTrained):
    """The observer: an image becomes one vector. Other people's probes take it as a vision backbone of transformers."""

    config_class = EgoAgentEncoderConfig

    def __init__(self, config: EgoAgentConfig):
        super().__init__(config)
        self.stem = ConvStem(config.hidden_size, config.stem_norm)
        self.trunk = LlamaModel(config.trunk())
        self.trunk.embed_tokens = None  # an unused parameter would stop DDP
        self.state_query = nn.Parameter(torch.zeros(config.hidden_size))
        self.post_init()

    def forward(self, pixel_values: Tensor, **_: object) -> BaseModelOutputWithPooling:
        """uint8 images are normalised here; float images must be already."""
        patches = self.stem(normalised(pixel_values))
        query = self.state_query.expand(patches.shape[0], 1, -1)  # no len(): an export would fix it
        hidden = self.read(torch.cat([patches, query], 1), patches.shape[1], others=1, steps=1)
        return BaseModelOutputWithPooling(last_hidden_state=hidden, pooler_output=hidden[:, -1])

    def read(self, tokens: Tensor, patches: int, others: int, steps: int) -> Tensor:
        mask = attention_mask(self.config.mask, patches, others, steps, tokens.device)
        return self.trunk(inputs_embeds=tokens, attention_mask=mask, use_cache=False).last_hidden_state


class EgoAgentModel(_PreTrained):
    pose_mean: Tensor
    pose_scale: Tensor

    def __init__(self, config: EgoAgentConfig):
        super().__init__(config)
        hidden, joints, poses = config.hidden_size, config.joints, config.poses_per_step
        self.encoder = EgoAgentEncoder(config)
        self.state_head = StateHead(hidden, config.head_hidden, config.head_bottleneck, config.prototypes)
        self.action_query = nn.Parameter(torch.zeros(hidden))
        self.pose_projector = PoseProjector(poses * joints, hidden)
        self.action_head = ActionHead(poses, joints, hidden)
        self.last_pose = LastPose(poses, joints) if config.last_pose else None
        self.register_buffer("pose_mean", torch.zeros(joints, 3))  # metres; 0 and 1 leave poses as they are
        self.register_buffer("pose_scale", torch.ones(1))
        self.post_init()

    def forward(self, pixel_values: Tensor, **_: object) -> BaseModelOutputWithPooling:
        return self.encoder(pixel_values)

    def encode(self, images: Tensor) -> Tensor:
        """[images, 3, height, width] -> the state of the world in each, [images, hidden]."""
        return self.encoder(images).pooler_output

    def predict(self, images: Tensor, poses: Tensor, visible: Tensor) -> Prediction:
        """T images and T actions, of which prediction t sees the images up to t and the actions before t (for the next
        state: and action t)."""
        clips, steps = images.shape[:2]
        patches = self.encoder.stem(normalised(images).flatten(0, 1)).unflatten(0, (clips, steps))
        poses = (poses - self.pose_mean) / self.pose_scale
        action = self.pose_projector(poses, visible)[:, :, None]
        queries = [query.expand_as(action) for query in (self.action_query, self.encoder.state_query)]
        tokens = torch.cat([patches, queries[0], action, queries[1]], 2)
        hidden = self.encoder.read(tokens.flatten(1, 2), patches.shape[2], others=3, steps=steps)
        hidden = hidden.unflatten(1, (steps, -1))
        found, confidence = self.action_head(hidden[:, :, -3])
        if self.last_pose is not None:
            more = self.last_pose(poses, visible)
            found, confidence = found + more[0], confidence + more[1]
        return Prediction(hidden[:, :, -1], found * self.pose_scale + self.pose_mean, confidence)

    @torch.no_grad()
    def rollout(self, images: Tensor, poses: Tensor, visible: Tensor) -> Prediction:
        """As `predict`, but only the first actions are given: after them the model lives with its own.

        It sees all T images. To roll out from what was seen until now, repeat the last image: the model predicts states
        and not pixels.
        """
        given, steps = poses.shape[1], images.shape[1]
        missing = (0, 0) * (poses.dim() - 2)
        poses = nn.functional.pad(poses, (*missing, 0, steps - given))
        visible = nn.functional.pad(visible, (*missing[2:], 0, steps - given))
        for step in range(given, steps):
            found = self.predict(images[:, : step + 1], poses[:, : step + 1], visible[:, : step + 1])
            poses[:, step], visible[:, step] = found.poses[:, step], found.confidence[:, step] > 0
        return self.predict(images, poses, visible)

    def behaviour(self) -> list[nn.Parameter]:
        """What only clips train."""
        modules: list[nn.Module] = [self.pose_projector, self.action_head]
        if self.last_pose is not None:
            modules.append(self.last_pose)
        return [self.action_query, *(parameter for module in modules for parameter in module.parameters())]


def normalised(images: Tensor) -> Tensor:
    """uint8 images as the stem reads them; float images have been here already."""
    return standard(images / 255) if images.dtype == torch.uint8 else images


def standard(pixels: Tensor) -> Tensor:
    """Pixels between 0 and 1, in ImageNet's mean and deviation."""
    mean, deviation = (torch.tensor(one, device=pixels.device)[:, None, None] for one in (MEAN, DEVIATION))
    return (pixels - mean) / deviation


AutoConfig.register(EgoAgentConfig.model_type, EgoAgentConfig)
AutoModel.register(EgoAgentConfig, EgoAgentModel)
AutoConfig.register(EgoAgentEncoderConfig.model_type, EgoAgentEncoderConfig)
AutoModel.register(EgoAgentEncoderConfig, EgoAgentEncoder)
