"""What the machine and its user hand us: files, signals, cores, worker processes, functions of the user's."""
