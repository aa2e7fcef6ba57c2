"""Draw what `make demo` prints, as the picture that the README shows.

Usage: python tools/draw_demo.py  (after `make demo`; runs the demo's training once more)
"""

import io
import re
import subprocess
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

PICTURE = Path(__file__).parents[1] / "docs" / "demo.svg"
COMMAND = "classicnets train lenet5 --data digits --out runs/demo"
SHOWN_EPOCHS = 3  # at the beginning and at the end; the ones between are left out


def main() -> None:
    """Run the demo's command and write the picture."""
    with tempfile.TemporaryDirectory() as folder:
        command = [*COMMAND.split()[:-1], f"{folder}/run"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        printed = done.stdout.replace(f"{folder}/run", "runs/demo").splitlines()
    epochs = [line for line in done.stderr.splitlines() if line.startswith("epoch")]
    lines = [f"$ {COMMAND}", *epochs[:SHOWN_EPOCHS], "...", *epochs[-SHOWN_EPOCHS:], *printed]
    console = Console(record=True, width=96, file=io.StringIO(), force_terminal=True)
    for line in lines:
        text = Text(line)
        text.highlight_regex(r"test error +[\d.]+%", "bold green")
        text.highlight_regex(r"^\$ .*", "bold")
        console.print(text, soft_wrap=True)
    PICTURE.parent.mkdir(exist_ok=True)
    picture = console.export_svg(title="make demo")
    # Without the fonts that it would fetch: a picture should need nothing from elsewhere.
    PICTURE.write_text(re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL), encoding="utf-8")


if __name__ == "__main__":
    main()
