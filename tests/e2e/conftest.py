import pytest


@pytest.fixture(scope="session")
def on_cpu() -> None:
    """What trains with veRL on the CPU platform, which is nobody's choice where there is an accelerator."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("verl")
    if torch.accelerator.current_accelerator() is not None:
        pytest.skip("for machines without an accelerator")
