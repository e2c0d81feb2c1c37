import pytest

# Whole files go to two processes in this order: the longest first, so that both end together.
LONG_ONES = ("test_loop.py", "test_agent_grpo.py", "test_egocross.py", "test_agent_pictures.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(LONG_ONES)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


@pytest.fixture(scope="session")
def on_cpu() -> None:
    """What trains with veRL on the CPU platform, which is nobody's choice where there is an accelerator."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("verl")
    if torch.accelerator.current_accelerator() is not None:
        pytest.skip("for machines without an accelerator")
