"""Landscapes whose truth is known: fields, seasons, scenes and interpreters, all from one seed."""
