"""Laws as files: zones, classes, caps, dates, each with its source and mark."""
