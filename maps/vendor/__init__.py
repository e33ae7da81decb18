"""Third-party files at exact versions, with their licences and hashes (LOCK.json)."""
