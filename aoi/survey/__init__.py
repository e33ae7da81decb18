"""Design-based survey statistics: pure functions of arrays, no raster and no vector."""
