"""Patches `qwen2_vl_attn_forward` of `verl.models.transformers.qwen2_vl`: it calls flash-attention in any case.

veRL puts it into Qwen2-VL and Qwen2.5-VL wherever sequences are packed, and does not look at `attn_implementation`. A
machine without flash-attention stops at the first update. With the patch, a model that is to attend in another way does
so by its own forward, which transformers gives the mask of the packed sequences.
"""

import inspect


def needed(qwen2_vl) -> bool:
    return "_attn_implementation" not in inspect.getsource(qwen2_vl.qwen2_vl_attn_forward)


def apply(qwen2_vl) -> None:
    from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLAttention
    from transformers.models.qwen2_vl.modeling_qwen2_vl import Qwen2VLAttention

    flash = qwen2_vl.qwen2_vl_attn_forward
    own = {kind: kind.forward for kind in (Qwen2VLAttention, Qwen2_5_VLAttention)}  # veRL has not replaced them yet

    def qwen2_vl_attn_forward(self, *args, **kwargs):
        forward = flash if self.config._attn_implementation.startswith("flash") else own[type(self)]
        return forward(self, *args, **kwargs)

    qwen2_vl.qwen2_vl_attn_forward = qwen2_vl_attn_forward
