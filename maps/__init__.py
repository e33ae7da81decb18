"""Products: maps, tables, reports and exchange files."""
