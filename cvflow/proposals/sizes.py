"""Sizes of networks far beyond what is of use: a file that asks for more is damaged, or made to harm."""

MOST_TRANSFORMS = 100
MOST_LAYERS = 20
WIDEST = 10_000
MOST_BINS = 1000
