"""The real browser in which the tests of pages open them: one profile for the whole session."""

import shutil
import warnings

import pytest

FLAGS = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
FLAGS += " --disable-component-update --disable-sync --hide-scrollbars --enable-logging=stderr"


@pytest.fixture(scope="session")
def chromium(tmp_path_factory) -> list[str]:
    """The command line without a page. All starts share one profile, which saves a little of each."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        warnings.warn("no chromium: pages are NOT tested in a browser; apt-get install -y chromium", stacklevel=1)
        pytest.skip("no chromium; apt-get install -y chromium")
    return [found, *FLAGS.split(), f"--user-data-dir={tmp_path_factory.mktemp('profile')}"]
