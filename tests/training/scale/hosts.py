"""Two hosts on one machine: network namespaces of their own, with a cable between them.

Where the system does not let us make namespaces, two addresses of the loopback stand for the hosts.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.training.scale.together import TORCHRUN, quietly

_NETWORK = "10.77.53"


class Host:
    """One of two hosts.

    Attributes:
        number: 1 or 2; rendezvous is held at the first.
        prefix: what a command begins with to run there.
        address: where others reach it.
        interface: the name of its end of the cable.
    """

    def __init__(self, number: int, prefix: Sequence[str], address: str, interface: str) -> None:
        self.number = number
        self.prefix = tuple(prefix)
        self.address = address
        self.interface = interface
        self._process: subprocess.Popen[str] | None = None

    def start(self, first: "Host", arguments: Sequence[str], log: Path, *, script: str, port: int) -> None:
        """Run ``script`` with ``arguments`` on one process here, by a ``torchrun`` that waits for the other host's."""
        elastic = (
            *("--nnodes", "2", "--nproc-per-node", "1", "--max-restarts", "5", "--rdzv-backend", "c10d"),
            *("--rdzv-endpoint", f"{first.address}:{port}", "--rdzv-id", "two-hosts", "--local-addr", self.address),
            # Whose address that is, torchrun would look up under the machine's name, which both hosts share.
            *("--rdzv-conf", f"is_host={int(self.number == 1)}"),
        )
        environment = {
            **quietly(),
            "GLOO_SOCKET_IFNAME": self.interface,
            # Else a host that was there before never tells one that comes anew where to meet (torch 2.13).
            "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",
        }
        with log.open("a") as file:
            self._process = subprocess.Popen(
                [*self.prefix, *TORCHRUN, *elastic, script, *arguments],
                stdout=file,
                stderr=file,
                env=environment,
                text=True,
                start_new_session=True,
            )

    def wait(self, seconds: float) -> int:
        """The exit code of `start`'s command."""
        assert self._process is not None
        return self._process.wait(seconds)

    def has_ended(self) -> bool:
        """Whether `start`'s command is over."""
        assert self._process is not None
        return self._process.poll() is not None

    def cut_off(self) -> None:
        """Kill every process of this host at once, as when its power fails."""
        assert self._process is not None
        for process in _below(self._process.pid):
            os.kill(process, signal.SIGKILL)
        self._process.wait(30)


@contextmanager
def two_hosts() -> Iterator[tuple[Host, Host]]:
    """Two hosts that reach each other, gone afterwards with all that still runs on them."""
    hosts = _in_namespaces() or _on_the_loopback()
    try:
        yield hosts
    finally:
        for host in hosts:
            if host._process is not None and not host.has_ended():
                host.cut_off()
            if host.prefix:
                _ip("netns", "delete", host.prefix[-1])


def _in_namespaces() -> tuple[Host, Host] | None:
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("ip") is None:
        return None
    names = [f"classicnets-{os.getpid()}-{number}" for number in (1, 2)]
    if not _ip("netns", "add", names[0]):
        return None
    assert _ip("netns", "add", names[1])
    assert _ip("link", "add", "cable", "netns", names[0], "type", "veth", "peer", "name", "cable", "netns", names[1])
    hosts = []
    for number, name in enumerate(names, start=1):
        address = f"{_NETWORK}.{number}"
        assert _ip("-n", name, "address", "add", f"{address}/24", "dev", "cable")
        assert _ip("-n", name, "link", "set", "cable", "up")
        assert _ip("-n", name, "link", "set", "lo", "up")
        hosts.append(Host(number, ("ip", "netns", "exec", name), address, "cable"))
    return hosts[0], hosts[1]


def _on_the_loopback() -> tuple[Host, Host]:
    return Host(1, (), "127.0.0.1", "lo"), Host(2, (), "127.0.0.2", "lo")


def _ip(*arguments: str) -> bool:
    return subprocess.run(["ip", *arguments], capture_output=True).returncode == 0


def _below(process: int) -> list[int]:
    """A process and all that it has started, the youngest first."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [*(one for child in children for one in _below(int(child))), process]
