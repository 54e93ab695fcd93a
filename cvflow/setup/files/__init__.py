"""A molecule from its files: names, bonds and potential."""
