"""What the law of a day says of the ground: zones with a class, and hectares split into four numbers that add up.

Figures are of zones, never of plots: where the law caps a zone, what lies above the cap is an aggregate, and no
field in the zone is called illicit.
"""
