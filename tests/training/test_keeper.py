"""What happens between steps: the signals, and what is recorded when."""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

from classicnets.data.defaults import default_preprocessing
from classicnets.training.keeper import Interrupted, Keeper
from classicnets.training.module import TrainedNetwork
from classicnets.training.recipe.reading import complete
from classicnets.training.scale.world import ALONE
from classicnets.training.stream import Stream
from classicnets.training.watch.progress import TrainingProgress
from tests.training.small_runs import LENET5, equal, go_on, run, silent, tiny_batches, weights


@pytest.fixture
def keeper(tmp_path: Path) -> Keeper:
    batches = tiny_batches()
    return Keeper(
        folder=tmp_path,
        recipe=complete(dict(LENET5)),
        stream=Stream(batches, 1),
        test=batches,
        classes=tuple("0123456789"),
        preprocessing=default_preprocessing("digits", 1, (32, 32)),
        progress=TrainingProgress(1, 3, 0, silent()),
        world=ALONE,
    )


@pytest.fixture(autouse=True)
def own_handler() -> Iterator[object]:
    """A handler of Ctrl-C that a program around training may have put in place."""

    def handler(number: int, frame: FrameType | None) -> None:
        raise AssertionError("Ctrl-C reached the program around training")

    before = signal.signal(signal.SIGINT, handler)
    yield handler
    signal.signal(signal.SIGINT, before)


class TestCtrlC:
    def test_the_handler_from_before_is_back_after_a_run(self, own_handler: object, tmp_path: Path) -> None:
        run(tmp_path / "run")
        assert signal.getsignal(signal.SIGINT) is own_handler

    def test_stops_after_the_step_with_a_checkpoint_and_the_run_goes_on_from_it(
        self, own_handler: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run(tmp_path / "undisturbed")
        take_step = TrainedNetwork.training_step
        folder = tmp_path / "my run"

        def interrupted_step(module: TrainedNetwork, batch: object, batch_idx: int) -> object:
            if batch_idx == 9:
                os.kill(os.getpid(), signal.SIGINT)
            return take_step(module, batch, batch_idx)  # type: ignore[arg-type]

        with monkeypatch.context() as patched:
            patched.setattr(TrainedNetwork, "training_step", interrupted_step)
            with pytest.raises(Interrupted, match=r"stopped after step 10 of 23; .*train --out '.*/my run' --resume"):
                run(folder)
        assert signal.getsignal(signal.SIGINT) is own_handler
        assert [path.name for path in (folder / "checkpoints").iterdir()] == ["step-000000010.ckpt"]
        go_on(folder)
        assert equal(weights(folder), weights(tmp_path / "undisturbed"))

    def test_in_the_last_step_comes_too_late_to_stop_anything(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        take_step = TrainedNetwork.training_step

        def interrupted_step(module: TrainedNetwork, batch: object, batch_idx: int) -> object:
            if batch_idx == 22:
                os.kill(os.getpid(), signal.SIGINT)
            return take_step(module, batch, batch_idx)  # type: ignore[arg-type]

        monkeypatch.setattr(TrainedNetwork, "training_step", interrupted_step)
        assert run(tmp_path / "run").report.is_file()

    def test_a_second_one_does_not_wait(self, keeper: Keeper) -> None:
        with keeper.heeding_interrupts():
            os.kill(os.getpid(), signal.SIGINT)
            assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL

    def test_is_left_alone_outside_of_the_main_thread(self, own_handler: object, keeper: Keeper) -> None:
        found = []

        def look() -> None:
            with keeper.heeding_interrupts():
                found.append(signal.getsignal(signal.SIGINT))

        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        assert found == [own_handler]


def test_time_goes_on_from_a_checkpoint(keeper: Keeper) -> None:
    state = keeper.state_dict()
    assert state["history"] == []
    assert 0 <= state["seconds"] < 60
    keeper.load_state_dict({"history": [], "seconds": 1000.0})
    assert 1000 <= keeper.seconds < 1060
