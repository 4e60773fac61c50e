"""``python -m gradcu`` is the command ``gradcu``."""

import sys

from .cli import main

sys.exit(main())
