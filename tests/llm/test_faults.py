"""What an error of a server means: whether a second try may help, and when."""

import pytest

from firsthand.llm.faults import Failed, Unavailable, of_status, retry_after


@pytest.mark.parametrize(
    ("header", "seconds"),
    [(None, None), ("", None), ("3", 3.0), ("-5", 0.0), ("nan", None), ("1e99", 3600.0), ("inf", None), ("soon", None)],
)
def test_hostile_retry_after(header: str | None, seconds: float | None) -> None:
    assert retry_after(header) == seconds


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (400, Failed, "HTTP 400: why"),
        (401, Failed, "HTTP 401: why"),
        (404, Failed, "HTTP 404: why"),
        (408, Unavailable, "HTTP 408"),
        (429, Unavailable, "HTTP 429"),
        (503, Unavailable, "HTTP 503"),
    ],
)
def test_what_a_status_means(status: int, kind: type[Failed], said: str) -> None:
    fault = of_status(status, "why", "7")
    assert type(fault) is kind and str(fault) == said
    assert (fault.status, fault.retry_after) == (status, 7.0)
