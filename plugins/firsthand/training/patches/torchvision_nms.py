"""Mends `torchvision::nms` and `torchvision::qnms`, declared by torchvision's compiled library `_C`.

A torchvision built for CUDA cannot load `_C` beside a CPU-only torch. It reckons with that (`extension._has_ops`),
except where it registers shapes for these two operators: `import torchvision` dies of "operator torchvision::nms does
not exist". Declaring the two operators is enough; what uses them (box suppression) stays missing, and everything that
resizes or normalises images is plain torch.
"""

import torch


def needed(extension) -> bool:
    return torch.accelerator.current_accelerator() is None and not extension._has_ops()


def apply(extension) -> None:
    torch.library.define("torchvision::nms", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    torch.library.define("torchvision::qnms", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
