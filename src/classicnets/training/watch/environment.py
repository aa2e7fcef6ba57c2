"""What a run on this machine is made with."""

import importlib.metadata
import os
import platform
from pathlib import Path

import torch

import classicnets


def environment() -> dict[str, str]:
    """What a run on this machine is made with: versions of the libraries, processor, threads, fast precisions."""
    processor, flags = _processor()
    found = {
        "classicnets": classicnets.__version__,
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in ("torch", "lightning", "numpy")},
        "platform": platform.platform(),
        "processor": processor,
        "cores": str(os.cpu_count()),
        "threads": str(torch.get_num_threads()),
        "precision support": ", ".join(_precisions(flags)),
    }
    if torch.cuda.is_available():
        devices = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
        found["accelerators"] = ", ".join(devices)
    return found


def _processor() -> tuple[str, frozenset[str]]:
    """The processor's name and the instruction sets it names; Linux alone tells both."""
    file = Path("/proc/cpuinfo")
    said: dict[str, str] = {}
    if file.exists():
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            said.setdefault(key.strip(), value.strip())
    name = said.get("model name") or platform.processor() or platform.machine()
    return name, frozenset(said.get("flags", said.get("Features", "")).split())


# What the processor computes in hardware, by the names Linux gives the instruction sets on x86 and on ARM.
_FAST_PRECISIONS = {
    "bfloat16": {"avx512_bf16", "amx_bf16", "bf16"},
    "float16": {"avx512_fp16", "amx_fp16", "asimdhp"},
    "int8": {"avx512_vnni", "avx_vnni", "amx_int8", "i8mm"},
}


def _precisions(flags: frozenset[str]) -> list[str]:
    found = [
        f"{precision} ({', '.join(sorted(names & flags))})"
        for precision, names in _FAST_PRECISIONS.items()
        if names & flags
    ]
    return ["float32", *found]
