"""The steps of a run, one module each: read what earlier steps published, write into a staging folder."""
