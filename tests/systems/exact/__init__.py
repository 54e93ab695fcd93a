"""The batch systems written a second time, in float64 numpy: energies, exact draws and exact free energies.

One module a system, and nothing from cvflow in any of them. Each has

    energy(x)                  U/kT of configurations, (count, *shape) -> (count,)
    draw(count, rng)           independent exact draws, (count, *shape)
    density(points)            the CV's normalised density
    free_energy_difference()   F(second state) - F(first state) in kT
"""
