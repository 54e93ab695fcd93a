"""What a run's record says: free energies, errors, convergence, costs. Reads the store and arrays alone."""
