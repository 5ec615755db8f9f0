"""The command line: `python -m train_cli --help`."""
