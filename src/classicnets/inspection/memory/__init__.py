"""How much memory is alive when, and why."""
