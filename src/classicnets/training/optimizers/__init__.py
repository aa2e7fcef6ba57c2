"""Optimizers that the papers used and PyTorch does not have."""
