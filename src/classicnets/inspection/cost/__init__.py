"""How long a network takes at least, and how its costs grow."""
