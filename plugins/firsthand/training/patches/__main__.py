"""`python -m firsthand.training.patches install | remove | status`: for programs that load none of our plugins."""

import importlib
import site
import sys
from pathlib import Path

from firsthand import files
from firsthand.training import patches

PTH = Path(site.getsitepackages()[0]) / "firsthand-patches.pth"

# Run at every start of Python in this environment, so it imports nothing, and survives an uninstalled firsthand.
AT_START = """
import sys
class FirsthandPatches:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name in ("torchvision", "torchaudio", "torchcodec", "transformers"):
            sys.meta_path.remove(FirsthandPatches)
            try:
                from firsthand.training import patches
                patches.install(patches.PROGRAMS)
            except ImportError:
                pass
sys.meta_path.insert(0, FirsthandPatches)
"""
LINE = f"import sys; exec({AT_START!r}, {{}})"


def install() -> None:
    PTH.with_name("firsthand-mends.pth").unlink(missing_ok=True)  # its name in environments of version 0.1
    files.write_text(PTH, LINE + "\n")
    print(f"wrote {PTH}")


def remove() -> None:
    PTH.unlink(missing_ok=True)
    print(f"removed {PTH}")


def status() -> None:
    """Import every patched module and print whether its patch was applied."""
    patches.install()
    for name, module in patches.PATCHES.items():
        try:
            importlib.import_module(module)
        except ImportError as error:
            print(f"  {error}")
        print(f"{name:40} {module:60} {'applied' if patches.applied.get(name) else 'not needed here'}")
    print(f"{PTH}: {'present' if PTH.exists() else 'absent'}")


if __name__ == "__main__":
    commands = {"install": install, "remove": remove, "status": status}
    if len(sys.argv) != 2 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    commands[sys.argv[1]]()
