"""Real processes that train together: `torchrun` runs this file, which runs the command and writes down its losses."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_DIE_AT = "CLASSICNETS_TEST_DIES_AT"
WORKER = __file__
TORCHRUN = (sys.executable, "-m", "torch.distributed.run")


def run_together(processes: int, arguments: Sequence[str], losses: Path, *, die_at: int | None = None) -> None:
    """Run `classicnets train` with ``arguments`` on that many processes, the first writing each step's loss.

    Args:
        die_at: the step, counted from 1, after whose loss the last process kills itself; None for none.
    """
    command = [*TORCHRUN, "--standalone", "--nproc-per-node", str(processes), __file__, str(losses), *arguments]
    environment = quietly() | ({} if die_at is None else {_DIE_AT: str(die_at)})
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert (ended.returncode == 0) == (die_at is None), ended.stderr


def quietly() -> dict[str, str]:
    """An environment in which each process has one thread: results depend on their number in the last digits."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}


def free_port() -> int:
    """A port that nothing listens to."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def read_losses(path: Path) -> list[float]:
    """The loss of each step over its whole batch."""
    return [float(line) for line in path.read_text().splitlines()]


def _main() -> None:
    import torch

    from classicnets.cli import main
    from classicnets.data.batches import Batch
    from classicnets.training.module import TrainedNetwork
    from classicnets.training.scale.world import of_all

    path, die_at = Path(sys.argv.pop(1)), int(os.environ.get(_DIE_AT, 0))
    take_step = TrainedNetwork.training_step
    waiting: list[float] = []

    def recorded(module: TrainedNetwork, batch: Batch, batch_idx: int) -> torch.Tensor:
        loss = take_step(module, batch, batch_idx)
        waiting.append(float(loss.detach()))
        if len(waiting) == module.share.pieces:
            told = of_all(module.world, sum(waiting) / len(waiting))
            waiting.clear()
            if module.world.leads:
                with path.open("a") as file:
                    file.write(json.dumps(sum(told) / len(told)) + "\n")
            elif batch_idx + 1 == die_at * module.share.pieces:
                os.kill(os.getpid(), signal.SIGKILL)
        return loss

    TrainedNetwork.training_step = recorded  # type: ignore[assignment, method-assign]
    main()


if __name__ == "__main__":
    _main()
