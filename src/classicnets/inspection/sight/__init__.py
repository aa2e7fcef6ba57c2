"""Which pixels an activation depends on."""
