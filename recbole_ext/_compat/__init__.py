"""The door to the host (RecBole): importing anything from here repairs it first, once for the process.

``host`` hands on RecBole's names; nothing else in the package imports RecBole.
"""

from recbole_ext._compat.repairs import apply

apply()
