"""`python -m pixmus` is the command line."""

from pixmus.doors.cli import main

main()
