"""What this machine is said to do fast is what it can do."""

import platform
import subprocess
import sys

import pytest
import torch

from classicnets.training.processor import keep_freed_memory, multiplies_bf16


@pytest.mark.skipif(
    torch.cuda.is_available() or platform.system() != "Linux", reason="the kernel names the processor's"
)
def test_bf16_is_told_as_the_kernel_tells_it() -> None:
    with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123  # no file of ours
        flags = next((line.split() for line in file if line.startswith("flags")), [])
    assert multiplies_bf16() == ("avx512_bf16" in flags or "amx_bf16" in flags)


FAULTS = """
import resource, sys
import torch
from classicnets.training.processor import keep_freed_memory

if sys.argv[1] == "kept":
    keep_freed_memory()

def use() -> None:
    torch.empty(40 << 20, dtype=torch.uint8).fill_(1)

for _ in range(20):  # glibc keeps a few small pieces between the first large ones, for which it needs new memory
    use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="nothing is done for other C libraries")
def test_freed_memory_is_used_again_without_asking_the_system() -> None:
    faults = {
        how: int(subprocess.run([sys.executable, "-c", FAULTS, how], check=True, capture_output=True).stdout)
        for how in ("kept", "returned")
    }
    assert faults["kept"] < faults["returned"] / 10


def test_can_be_asked_for_again() -> None:
    keep_freed_memory()
    keep_freed_memory()
