"""`python -m app.embedded DATA_DIR`: stops the engines; the keeper runs it after the last user."""

import sys
from pathlib import Path

from app.embedded.users import stop_engines

stop_engines(Path(sys.argv[1]))
