"""How long a run will yet take, from how fast it went of late."""

from collections import deque

_SECONDS_LOOKED_BACK = 60.0


class Pace:
    """The pace of a run: its steps, and what lies between its epochs.

    Args:
        steps: of the run.
        epochs: of the run.
        done: steps that were taken before.
    """

    def __init__(self, steps: int, epochs: int, done: int) -> None:
        self.steps = steps
        self.steps_an_epoch = steps / epochs
        self.ended = 0  # epochs, while `left_out` was counted
        self.left_out = 0.0  # seconds
        # Steps, and the seconds of training after which they were done. Until there is something better, the first
        # steps count, which are slower than those that follow.
        self._samples = deque([(done, 0.0)])

    def reached(self, step: int, running: float) -> None:
        """Tell of a step that was done after so many seconds of training."""
        self._samples.append((step, running))
        while len(self._samples) > 2 and running - self._samples[1][1] >= _SECONDS_LOOKED_BACK:
            self._samples.popleft()

    def epoch_ended(self, left_out: float) -> None:
        """Tell of an epoch that has ended, and of the seconds that tests and checkpoints have taken since the last."""
        self.ended += 1
        self.left_out += left_out

    def left(self) -> float | None:
        """Seconds to the end of the run, tests included; None where nothing is known yet."""
        (first, began), (last, now) = self._samples[0], self._samples[-1]
        if last == first:
            return None
        training = (now - began) / (last - first) * (self.steps - last)
        epochs_left = (self.steps - last) / self.steps_an_epoch
        return training + epochs_left * (self.left_out / self.ended if self.ended else 0.0)
