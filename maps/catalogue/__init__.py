"""Text of the products in six languages, one TOML file each."""
