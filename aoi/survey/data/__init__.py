"""Data files of the survey package: sourced factors and rules, each overridable in the survey file."""
