"""`python -m segue`: the command line, for launchers that want a module (`accelerate launch -m segue`)."""

from segue.cli.main import main

main()
