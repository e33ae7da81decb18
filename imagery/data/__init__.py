"""Published numbers that imagery is prepared with, each with its source and mark."""
