"""Many chains at once, as torch functions: potentials, kernels, and paths made of their steps."""
