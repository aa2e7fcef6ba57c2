"""The papers' ways to test: which views of an image are looked at, and what is averaged over them."""
