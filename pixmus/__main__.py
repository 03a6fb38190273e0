"""`python -m pixmus` is the command line."""

from pixmus.cli import main

main()
