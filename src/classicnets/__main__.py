"""`python -m classicnets`: the command line."""

from classicnets.cli import main

main()
