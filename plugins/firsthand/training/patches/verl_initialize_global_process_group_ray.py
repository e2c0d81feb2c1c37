"""Patches `verl.utils.distributed.initialize_global_process_group_ray`: it asks for "cpu:gloo,<device>:<backend>".

With the CPU as the device that is "cpu:gloo,cpu:gloo", and torch refuses a device that is named twice. With the patch,
the default is "cpu:gloo".
"""

import functools
import inspect


def needed(distributed) -> bool:
    return '"cpu:gloo,{get_device_name()}' in inspect.getsource(distributed.initialize_global_process_group_ray)


def apply(distributed) -> None:
    initialize = distributed.initialize_global_process_group_ray

    @functools.wraps(initialize)
    def initialize_global_process_group_ray(timeout_second=None, backend=None):
        return initialize(timeout_second, backend or "cpu:gloo")

    distributed.initialize_global_process_group_ray = initialize_global_process_group_ray
