"""Grids, rasters, vectors, areas and blocks; knows no crop and no survey."""
