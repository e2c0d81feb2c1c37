"""Patches `transformers.processing_utils.ProcessorMixin._merge_kwargs`: it makes a new TypedDict at every call.

Arguments of a processor are validated by a class built from a TypedDict, and the builder caches by TypedDict. A new one
each time never hits that cache, so every call of a Qwen-VL processor builds two dataclasses. That is most of its time
when media are small, and half of the time of veRL's agent loop. With the patch, the same fields give the same
TypedDict.
"""

import functools
import inspect


def needed(processing_utils) -> bool:
    return "typed_dict_obj = TypedDict(" in inspect.getsource(processing_utils.ProcessorMixin._merge_kwargs)


def apply(processing_utils) -> None:
    make = processing_utils.TypedDict
    same = functools.cache(lambda name, fields, total: make(name, dict(fields), total=total))
    processing_utils.TypedDict = lambda name, fields, total: same(name, tuple(fields.items()), total)
