"""What only a process of its own shows: signals, pipes, terminals, closed streams, what is imported."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from classicnets.training.run import Run

CLASSICNETS = (sys.executable, "-m", "classicnets")


@pytest.mark.parametrize("arguments", [["list"], ["list", "--json"], ["--help"], ["data", "list"]])
def test_what_only_lists_imports_no_torch(arguments: list[str]) -> None:
    program = "import sys; from classicnets.cli import main\ntry: main()\nfinally: assert 'torch' not in sys.modules"
    ended = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("arguments", [["list"], ["list", "--json"]])
def test_a_reader_that_has_seen_enough_is_no_error(arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run([*CLASSICNETS, *arguments], stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("arguments", [["list"], ["list", "--json"]])
def test_a_full_disk_is_told(arguments: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run([*CLASSICNETS, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (2, "error: cannot write: No space left on device\n")


def test_a_closed_standard_output_is_no_error() -> None:
    ended = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", *CLASSICNETS, "list"], capture_output=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_a_letter_that_the_terminal_lacks_is_escaped() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    ended = subprocess.run(
        [*CLASSICNETS, "show", "lenet5"], env=environment, capture_output=True, text=True, check=True
    )
    assert r"L\xe9on Bottou" in ended.stdout


def test_results_go_to_standard_output_though_a_bar_runs_on_the_terminal(run: Run, photos: Path) -> None:
    terminal, end = pty.openpty()
    environment = {**os.environ, "TERM": "xterm"}
    command = [*CLASSICNETS, "predict", str(run.bundle), str(photos / "a.png"), "--json"]
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=end, env=environment, check=False)
    os.close(end)
    shown = os.read(terminal, 65536)
    os.close(terminal)
    assert ended.returncode == 0, shown
    assert json.loads(ended.stdout)["path"] == str(photos / "a.png")
    assert b"looking" in shown


def _heed_ctrl_c() -> None:
    # Where the tests run in the background, a shell has switched Ctrl-C off for them and all that they start.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_ends_with_one_line(run: Run, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    command = [*CLASSICNETS, "predict", str(run.bundle), str(pipe)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=_heed_ctrl_c
    ) as process:
        writer = os.open(pipe, os.O_WRONLY)  # opens once the command reads from it: it is looking at images
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        try:
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
            os.close(writer)
    assert (process.returncode, out, err) == (130, "", "interrupted\n")
