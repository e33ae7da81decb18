"""The harms of a survey: layers read by blocks, footprint totals, and figures made from tables alone."""
