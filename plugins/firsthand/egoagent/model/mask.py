"""Who may look at whom. `causal`: each token at itself and those before it. `frame_bidirectional`: besides, the patches
of one image look at one another."""

import torch
from torch import Tensor


def attention_mask(kind: str, patches: int, others: int, steps: int, device: torch.device) -> Tensor | None:
    """bool [1, 1, tokens, tokens] for steps of `patches` image tokens and `others` after them; None: causal, which
    attention knows how to do faster without a mask."""
    if kind == "causal":
        return None
    place = torch.arange(steps * (patches + others), device=device)
    step, is_patch = place // (patches + others), place % (patches + others) < patches
    same_image = (step[:, None] == step) & is_patch[:, None] & is_patch
    return ((place[:, None] >= place) | same_image)[None, None]
