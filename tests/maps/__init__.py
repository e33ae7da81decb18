"""Tests of maps, tables and files."""
