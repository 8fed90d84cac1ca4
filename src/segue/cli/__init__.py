"""The command line: one file per command, joined in `main`. Each imports what it runs inside the function
that runs it, so that `segue --help` does not wait for torch."""
