import pytest

from firsthand.llm.client import base_url


@pytest.mark.parametrize("written", ["http://h:1", "http://h:1/", "http://h:1/v1", "http://h:1/v1/"])
def test_however_it_is_written(written: str) -> None:
    assert base_url(written) == "http://h:1/v1"


def test_a_path_before_v1_stays() -> None:
    assert base_url("https://h/proxy/v1") == base_url("https://h/proxy") == "https://h/proxy/v1"
