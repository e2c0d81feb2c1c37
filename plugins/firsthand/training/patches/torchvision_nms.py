"""Patches `torchvision::nms` and `torchvision::qnms`: torchvision's compiled library `_C` should declare them.

A torchvision built for CUDA cannot load `_C` beside a CPU-only torch. It allows for that (`extension._has_ops`), except
where it registers shapes for these two operators: `import torchvision` fails with "operator torchvision::nms does not
exist". Declaring the two operators is enough. What uses them (box suppression) stays missing; everything that resizes
or normalises images is plain torch.
"""

import torch


def needed(extension) -> bool:
    return torch.accelerator.current_accelerator() is None and not extension._has_ops()


def apply(extension) -> None:
    torch.library.define("torchvision::nms", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    torch.library.define("torchvision::qnms", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
