"""The config: TOML into frozen models that refuse what they do not know."""
