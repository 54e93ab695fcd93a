"""Explorers: methods that find modes and give first samples, each with what it costs and what it may claim."""
