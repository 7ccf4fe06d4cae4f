"""The door to the host (RecBole): importing anything from here first repairs it, once per process.

``host`` re-exports RecBole's names; nothing else in the package imports RecBole.
"""

from recbole_ext._compat.repairs import apply

apply()
