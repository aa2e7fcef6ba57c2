"""Processes joined by torch.distributed that do what a test asks, so that a test need not start its own."""

import os
import socket
import traceback
from collections.abc import Callable, Iterator
from multiprocessing import connection
from multiprocessing.connection import Connection
from typing import Any

import torch
import torch.distributed as dist
from torch import multiprocessing

_SECONDS = 100.0


class Processes:
    """Some processes of gloo, one thread each.

    Args:
        count: how many.
    """

    def __init__(self, count: int) -> None:
        context = multiprocessing.get_context("spawn")
        port = _free_port()
        self._ends: list[Connection] = []
        self._processes = []
        for rank in range(count):
            mine, its = context.Pipe()
            process = context.Process(target=_serve, args=(its, rank, count, port), daemon=True)
            process.start()
            self._ends.append(mine)
            self._processes.append(process)

    def run(self, job: Callable[..., Any], *arguments: Any, **named: Any) -> list[Any]:
        """What the job, a function of a module, returns in each process."""
        for end in self._ends:
            end.send((job, arguments, named))
        answers: dict[int, Any] = {}
        for end in wait_for(self._ends):
            problem, answers[self._ends.index(end)] = end.recv()
            assert problem is None, problem  # the others may wait for this one for ever
        return [answers[rank] for rank in range(len(self._ends))]

    def end(self) -> None:
        """End the processes."""
        for end in self._ends:
            end.send(None)
        for process in self._processes:
            process.join(10)
            process.kill()  # one that waits for another


def wait_for(ends: list[Connection]) -> Iterator[Connection]:
    """Each connection once something has come through it, the first to answer first."""
    waiting = list(ends)
    while waiting:
        ready = [end for end in connection.wait(waiting, _SECONDS) if isinstance(end, Connection)]
        assert ready, f"{len(waiting)} processes did not answer"
        yield from ready
        waiting = [end for end in waiting if end not in ready]


def _serve(end: Connection, rank: int, count: int, port: int) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=count)
    while (asked := end.recv()) is not None:
        job, arguments, named = asked
        try:
            end.send((None, job(*arguments, **named)))
        except Exception:  # noqa: BLE001  # whatever it is, the test shall show it
            end.send((traceback.format_exc(), None))
    dist.destroy_process_group()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
