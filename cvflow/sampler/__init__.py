"""The algorithm: jumps, local moves, walkers that take turns, and the loop that trains the flow beside them."""
