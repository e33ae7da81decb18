"""The survey file, the workflow and the command line."""
