"""The papers of the method, as CITATION.cff has them: what a report asks its readers to cite."""

CITATIONS = (
    "S. Tamagnone, A. Laio, M. Gabrié: Coarse-grained molecular dynamics with normalizing flows. Journal of Chemical "
    "Theory and Computation (2024). arXiv:2406.01524.",
    "C. Schönle, M. Gabrié, T. Lelièvre, G. Stoltz: Sampling metastable systems using collective variables and "
    "Jarzynski–Crooks paths. Journal of Computational Physics 527, 113806 (2025). doi:10.1016/j.jcp.2025.113806, "
    "arXiv:2405.18160.",
    "C. Schönle, D. Carbone, M. Gabrié, T. Lelièvre, G. Stoltz: Efficient Monte-Carlo sampling of metastable systems "
    "using non-local collective variable updates (2025, preprint). arXiv:2512.16812.",
)
"""One line a paper, in the order of the file."""
