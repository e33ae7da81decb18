"""Statistics from tables alone, for designs that a design file declares: draws, estimates, changes."""
