"""What a network holds and computes, counted."""
