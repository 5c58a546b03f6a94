"""The five dashboards, in the order in which a migration needs them.

`figwatch.dashboards.grafana_json` builds their JSON.
"""

from figwatch.dashboards.board_overview import OVERVIEW
from figwatch.dashboards.board_pair import PAIR
from figwatch.dashboards.board_pipeline import PIPELINE
from figwatch.dashboards.board_traffic import READS, WRITES

BOARDS = (OVERVIEW, PAIR, PIPELINE, READS, WRITES)
