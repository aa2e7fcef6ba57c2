"""How a forward is recorded, and what is recorded of it."""
