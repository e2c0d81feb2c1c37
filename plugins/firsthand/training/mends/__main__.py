"""`python -m firsthand.training.mends install | remove | status`: mends for programs that load no plugin of ours."""

import importlib
import site
import sys
from pathlib import Path

from firsthand import files
from firsthand.training import mends

PTH = Path(site.getsitepackages()[0]) / "firsthand-mends.pth"

# Run at every start of Python in this environment, so it imports nothing, and survives an uninstalled firsthand.
AT_START = """
import sys
class FirsthandMends:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name in ("torchvision", "torchaudio", "torchcodec"):
            sys.meta_path.remove(FirsthandMends)
            try:
                from firsthand.training import mends
                mends.install(mends.WHEELS)
            except ImportError:
                pass
sys.meta_path.insert(0, FirsthandMends)
"""
LINE = f"import sys; exec({AT_START!r}, {{}})"


def install() -> None:
    files.write_text(PTH, LINE + "\n")
    print(f"wrote {PTH}")


def remove() -> None:
    PTH.unlink(missing_ok=True)
    print(f"removed {PTH}")


def status() -> None:
    """Import every mended module and say what became of it."""
    mends.install()
    for name, module in mends.MENDS.items():
        try:
            importlib.import_module(module)
        except ImportError as error:
            print(f"  {error}")
        print(f"{name:40} {module:60} {'applied' if mends.applied.get(name) else 'not needed here'}")
    print(f"{PTH}: {'present' if PTH.exists() else 'absent'}")


if __name__ == "__main__":
    commands = {"install": install, "remove": remove, "status": status}
    if len(sys.argv) != 2 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    commands[sys.argv[1]]()
