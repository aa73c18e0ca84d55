"""Several processes that train one network together, each on a device of its own: synchronous data parallelism.

Each holds all data and draws the same order; of every batch it takes its share, and gradients add up to those of the
whole batch before each update. So the number of devices changes rounding and noise, not the mathematics. torch's
DistributedDataParallel does the same for one backward pass a forward pass, shares of equal size and a mean of means;
here a share may be empty, may come in micro-batches, and weighs as much as it is of the batch.

The processes are forked here (`together`), or were started by torchrun or srun (`joined`).
"""

import multiprocessing
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from multiprocessing import connection
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from pytorch_lightning.plugins.environments import SLURMEnvironment, TorchElasticEnvironment
from torch import Tensor

from pipeline import errors, lifetime
from pipeline.cells.cell import DEFAULT_EXECUTION

TIMEOUT = DEFAULT_EXECUTION.timeout  # the longest that processes differ is the writing of a checkpoint


class Unavailable(RuntimeError):
    """The devices or the precision that were asked for are not to be had here."""


class Broken(RuntimeError):
    """One of several processes ended before its work; the others were ended with it."""


class Ranks(NamedTuple):
    """This process among `size` of them: its number, and the device on which they talk."""

    rank: int = 0
    size: int = 1
    device: torch.device = torch.device("cpu")

    @classmethod
    def here(cls) -> "Ranks":
        """As this process joined the others; alone if it did not."""
        if not dist.is_initialized():
            return cls()
        gpu = dist.get_backend() == "nccl"
        device = torch.device("cuda", torch.cuda.current_device()) if gpu else torch.device("cpu")
        return cls(dist.get_rank(), dist.get_world_size(), device)

    def add(self, tensor: Tensor) -> None:
        """Replace `tensor`, of any device, by its sum over all processes."""
        if self.size > 1:
            summed = tensor.to(self.device)
            dist.all_reduce(summed)
            tensor.copy_(summed)

    def as_first(self, tensor: Tensor) -> None:
        """Replace `tensor`, on `device`, by that of the first process."""
        if self.size > 1:
            dist.broadcast(tensor, 0)

    def any(self, flag: bool) -> bool:
        """Whether it is so in any process: what all of them must do at the same time."""
        if self.size == 1:
            return flag
        count = torch.tensor(int(flag), device=self.device)
        self.add(count)
        return bool(count)

    def gather(self, value: Any) -> list[Any]:
        """`value` of every process, in order of ranks."""
        values = [value] * self.size
        if self.size > 1:
            dist.all_gather_object(values, value)
        return values

    def first(self, make: Callable[[], Any]) -> Any:
        """What `make()` gives in the first process, in every one."""
        values = [make() if self.rank == 0 else None]
        if self.size > 1:
            dist.broadcast_object_list(values, device=self.device)
        return values[0]


def together(devices: int, work: Callable[[], Any], timeout: float = TIMEOUT) -> Any:
    """`work()` in this process, or at once in one process a device; what the first of them returned.

    Call it before this process has started threads or touched a GPU: the others are forked from it. They die with it,
    and all of them with the first that fails. Raises Unavailable, Broken.
    """
    if devices == 1 or dist.is_initialized():
        return work()
    _require(devices)
    context = multiprocessing.get_context("fork")
    answers, answer = context.Pipe(duplex=False)
    with socket.create_server(("127.0.0.1", 0)) as listener:  # where they will meet
        arguments = (devices, listener, os.getpid(), timeout, work, answer)
        processes = [context.Process(target=_forked, args=(rank, *arguments)) for rank in range(devices)]
        for process in processes:
            process.start()
    answer.close()
    try:
        return _first_answer(processes, answers)
    finally:
        for process in processes:
            process.kill()
            process.join()


def _require(devices: int) -> None:
    if torch.cuda.is_available():
        available, kind = torch.cuda.device_count(), "GPUs"
    else:
        cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
        available, kind = len(cores), "cores"
    if devices > available:
        raise Unavailable(f"devices is {devices}, but there are {available} {kind} here; set at most that many")


def _first_answer(processes: list[Any], answers: Any) -> Any:
    """Wait for all to end well; Broken, with the words of the first, as soon as one does not."""
    result, why = None, ""
    running = {process.sentinel: rank for rank, process in enumerate(processes)}
    while running:
        ended = [running.pop(ready) for ready in connection.wait([answers, *running]) if ready != answers]  # type: ignore[call-overload]
        with suppress(EOFError):  # all have ended
            while answers.poll():
                value, words = answers.recv()
                result, why = result or value, why or words
        for rank in ended:
            processes[rank].join()
            if code := processes[rank].exitcode:
                how = f"process {rank} of {len(processes)} ended with {lifetime.cause(code)}, so all did"
                raise Broken(f"{how}; {why}" if why else how)
    return result


def _forked(
    rank: int, size: int, listener: socket.socket, parent: int, timeout: float, work: Callable[[], Any], answer: Any
) -> None:
    lifetime.die_with_parent(parent=parent)
    os.environ["GLOO_SOCKET_IFNAME"] = socket.if_indextoname(1)  # loopback
    port = listener.getsockname()[1]
    handle = listener.detach()
    if rank:
        os.close(handle)
    store = dist.TCPStore(
        "127.0.0.1",
        port,
        size,
        is_master=rank == 0,
        timeout=timedelta(seconds=timeout),
        master_listen_fd=None if rank else handle,
    )
    _join(rank, timeout, rank=rank, world_size=size, store=store)
    try:
        result = work()
    except BaseException as error:
        answer.send((None, errors.words(error)[:1000]))  # so short that others may write at the same time
        raise
    dist.barrier()  # the first one keeps the store that the others may still read
    if rank == 0:
        answer.send((result, ""))
    dist.destroy_process_group()


def joined(timeout: float = TIMEOUT) -> Ranks:
    """Join the processes that torchrun or srun started with this one; Unavailable where neither did."""
    if dist.is_torchelastic_launched():
        local = TorchElasticEnvironment().local_rank()
    elif SLURMEnvironment.detect():
        slurm = SLURMEnvironment(auto_requeue=False)
        local = slurm.local_rank()
        place = {"MASTER_ADDR": slurm.main_address, "MASTER_PORT": slurm.main_port}
        place |= {"RANK": slurm.global_rank(), "WORLD_SIZE": slurm.world_size()}
        os.environ.update({name: str(value) for name, value in place.items()})
    else:
        raise Unavailable("neither torchrun nor srun started this process")
    _join(local, timeout, init_method="env://")
    return Ranks.here()


def _join(local: int, timeout: float, **where: Any) -> None:
    """local: number of this process, and of its GPU, on its machine."""
    gpu = torch.cuda.is_available()
    if gpu:
        if local >= torch.cuda.device_count():
            raise Unavailable(
                f"process {local} of this machine has no GPU: there are {torch.cuda.device_count()}; start fewer"
            )
        torch.cuda.set_device(local)
    dist.init_process_group("nccl" if gpu else "gloo", timeout=timedelta(seconds=timeout), **where)
