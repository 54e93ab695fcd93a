"""What users would take in cvflow's place, each as OpenMM or a package of its authors has it."""
