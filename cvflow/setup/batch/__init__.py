"""Systems of torch functions on the batch engine."""
