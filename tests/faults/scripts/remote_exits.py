"""Ends with a run under way, and another waiting: ``remote_exits.py exit | raise``."""

import sys

from long_run import circuit

from lret_dist import SimulationOptions, SimulationRequest, get_session

endless = SimulationRequest(circuit=circuit, options=SimulationOptions(epsilon=0.0))
handles = [get_session(2).submit([endless]) for _ in range(2)]
if sys.argv[1] == "exit":
    sys.exit(3)
raise RuntimeError("the user's own mistake")
