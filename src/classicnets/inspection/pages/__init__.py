"""Plots, and the pages that show them."""
