"""Commands that run on several processes of this machine."""

import os
import sys

OPTION = "--processes"


def start_together(count: int) -> None:
    """Become ``torchrun`` that runs the command of this process ``count`` times; a process it started comes back.

    Its cores are shared out evenly where nothing else was said.
    """
    if "TORCHELASTIC_RUN_ID" in os.environ:
        return
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // count)))
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count))
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *launcher, "-m", "classicnets", *sys.argv[1:]])
