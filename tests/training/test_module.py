"""The training step: its counts, its average, its randomness, and where it gives up."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from classicnets.data.batches import Batch
from classicnets.errors import UsageError
from classicnets.training.checkpoints import read_checkpoint
from classicnets.training.module import TrainedNetwork
from tests.training.small_runs import run, trained_network

# LeNet-5's squashed activations keep its loss finite under the wildest gradients; decay makes its weights explode.
RUINOUS = {"name": "adamw", "weight_decay": 0.1}


def batch(images: int, *, seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 10, (images,), generator=generator)
    return Batch(torch.randn(images, 1, 32, 32, generator=generator), labels, torch.arange(images))


class TestCounts:
    def test_equal_a_hand_count_over_batches_of_different_sizes(self) -> None:
        module = trained_network(loss={"name": "cross_entropy"})
        batches = [batch(5, seed=1), batch(2, seed=2)]
        logits = [module.network(each.images).detach() for each in batches]
        for number, each in enumerate(batches):
            module.training_step(each, number)
        loss, error = module.counts()
        all_logits, labels = torch.cat(logits), torch.cat([each.labels for each in batches])
        assert loss == pytest.approx(F.cross_entropy(all_logits, labels).item(), rel=1e-6)
        wrong = sum(int(row.argmax()) != int(label) for row, label in zip(all_logits, labels, strict=True))
        assert error == pytest.approx(100 * wrong / 7)
        assert module.take_counts() == (loss, error)
        assert module.images == 0

    def test_go_on_from_a_checkpoint(self) -> None:
        module, other = trained_network(), trained_network()
        module.training_step(batch(5), 0)
        checkpoint: dict[str, object] = {}
        module.on_save_checkpoint(checkpoint)
        other.on_load_checkpoint(checkpoint)
        assert other.counts() == module.counts()


class TestDivergence:
    def test_is_told_with_the_field_to_change(self) -> None:
        module = trained_network(optimizer={"name": "sgd", "lr": 12.5})
        module.training_step(batch(2)._replace(images=torch.full((2, 1, 32, 32), torch.nan)), 0)
        with pytest.raises(UsageError, match=r"loss is nan.* lower optimizer\.lr \(now 12\.5\)"):
            module.counts()

    def test_ends_a_real_run_with_a_good_checkpoint_left(self, tmp_path: Path) -> None:
        """No terminal is attached, so that nobody looks at the loss between checkpoints."""
        with pytest.raises(UsageError, match=r"diverged; lower optimizer\.lr \(now 1000000000\.0\)") as caught:
            run(tmp_path / "run", optimizer={**RUINOUS, "lr": 1e9}, checkpoint_steps=1)
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "run" / "bundle").exists()
        assert any(is_finite(path) for path in (tmp_path / "run").glob("checkpoints/*"))

    def test_in_the_last_step_of_an_epoch_is_noticed_by_the_test(self, tmp_path: Path) -> None:
        """One step an epoch: the loss is counted before the step that ruins the weights."""
        with pytest.raises(UsageError, match="diverged"):
            run(
                tmp_path / "run",
                network="plain8_cifar",
                loss={"name": "cross_entropy"},
                optimizer={"name": "sgd", "lr": 1e36},
                batch_size=2000,
            )
        assert not (tmp_path / "run" / "bundle").exists()


class TestAverage:
    def test_equals_one_by_hand(self) -> None:
        decay = 0.75
        module = trained_network(average=decay, optimizer={"name": "sgd", "lr": 0.001})
        optimizer = module.configure_optimizers()["optimizer"]
        by_hand: dict[str, torch.Tensor] = {}
        for step in range(4):
            take_step(module, optimizer, batch(4, seed=step), step)
            for name, weight in module.network.state_dict().items():
                now = weight.detach().clone()
                by_hand[name] = now if step == 0 else decay * by_hand[name] + (1 - decay) * now
        assert module.tested is not module.network
        for name, average in module.tested.state_dict().items():
            torch.testing.assert_close(average, by_hand[name], rtol=1e-5, atol=1e-6)
        assert any(not torch.equal(w, by_hand[name]) for name, w in module.network.state_dict().items())

    def test_is_what_is_tested_and_does_not_learn_itself(self) -> None:
        alone = trained_network()
        assert alone.tested is alone.network
        module = trained_network(average=0.9)
        assert not any(parameter.requires_grad for parameter in module.tested.parameters())
        optimizer = module.configure_optimizers()["optimizer"]
        assert isinstance(optimizer, torch.optim.Optimizer)
        learning = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
        assert learning == {id(parameter) for parameter in module.network.parameters()}


class TestRandomness:
    def drawn(self, *, seed: int, step: int, before: int) -> torch.Tensor:
        module = trained_network(seed=seed)
        torch.manual_seed(before)
        module.on_train_batch_start(batch(1), step)
        return F.dropout(torch.ones(64), 0.5)

    def test_depends_on_seed_and_step_alone(self) -> None:
        first = self.drawn(seed=3, step=7, before=0)
        assert torch.equal(first, self.drawn(seed=3, step=7, before=99))
        assert not torch.equal(first, self.drawn(seed=3, step=8, before=0))
        assert not torch.equal(first, self.drawn(seed=4, step=7, before=0))

    def test_the_largest_seed_is_one_that_torch_takes(self) -> None:
        self.drawn(seed=2**32 - 1, step=10**8, before=0)


def take_step(module: TrainedNetwork, optimizer: object, given: Batch, step: int) -> None:
    """A step as Lightning takes it."""
    assert isinstance(optimizer, torch.optim.Optimizer)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = module.training_step(given, step)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    module.optimizer_step(0, step, optimizer, closure)


def is_finite(checkpoint: Path) -> bool:
    return all(bool(tensor.isfinite().all()) for tensor in read_checkpoint(checkpoint)["state_dict"].values())
