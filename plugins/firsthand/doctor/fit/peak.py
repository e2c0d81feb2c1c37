"""The most memory that a piece of work holds at once, measured; what the arithmetic of this room is tested against."""

from collections.abc import Callable


def peak(work: Callable[[], object]) -> int:
    """Bytes of tensors above those that were there before. It runs the work once."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        work()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before
    return _on_cpu(work)


def _on_cpu(work: Callable[[], object]) -> int:
    """torch counts no memory of a CPU, but its profiler sees every allocation and every release."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        work()
    events = [event for event in profiler.profiler.kineto_results.events() if event.name() == "[memory]"]
    held = most = 0
    for event in sorted(events, key=lambda one: one.start_ns()):
        held += event.nbytes()
        most = max(most, held)
    return most
