"""`python -m app.embedded DATA_DIR`: what the keeper runs when nobody is left."""

import sys
from pathlib import Path

from app.embedded.users import stop_engines

stop_engines(Path(sys.argv[1]))
