# Written by `make dictionary` from the modules; do not edit.

from .design.next_runs import NextRuns as NextRuns
from .design.next_runs import next_runs as next_runs
from .design.next_runs import runs_for as runs_for
from .design.proposal import Proposal as Proposal
from .design.proposal import propose as propose
from .fitting.fit import fit as fit
from .fitting.result import Fit as Fit
from .frontier.curves import envelope as envelope
from .frontier.frontier import Frontier as Frontier
from .frontier.frontier import optimal as optimal
from .frontier.pairs import optimal_pairs as optimal_pairs
from .studies.forecast import compare as compare
from .tables import Table as Table
from .tables import checked as checked
from .tables import chosen as chosen
from .tables import load as load
