"""The one-jump test with its mutants, for the tests and for a user's own machine (`cvflow verify`)."""
