"""Crop profiles: one data file for each crop in one kind of country."""
