"""cvflow: exact sampling of metastable molecular systems.

A normalizing flow over a few collective variables proposes jumps between states, a steered nonequilibrium path realises
each jump, and the path is accepted by its Jarzynski-Crooks ratio.
"""

__version__ = "0.1.0"
