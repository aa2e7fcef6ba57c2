"""What leaves the rows of a network, as features of images for other tasks."""
