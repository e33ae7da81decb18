"""Alternative-development programmes: their tables, what is checked in them, and the indicators made from them.

Nothing here holds a person: a row is a project, an area, a count. Figures of cultivation come from `aoi.survey`;
this package only says in which areas they are wanted and lays programme records beside them.
"""
