"""Code lists, tables and words of personal data, as files."""
