"""How much memory a run holds."""

import os
import sys
from pathlib import Path

import torch


def memory_held(device: torch.device) -> int:
    """Bytes: on an accelerator the most that tensors have held so far, else what the process holds."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    pages = Path("/proc/self/statm")
    if pages.exists():
        return int(pages.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    import resource  # there is none on Windows

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most  # macOS alone counts it in bytes
