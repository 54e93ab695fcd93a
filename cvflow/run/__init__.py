"""A run in its folder: begun, gone on with, watched, checked; and the settings found before it."""
