"""`python -m gateway` is `keybrake`."""

import sys

from gateway.run.cli import main

sys.exit(main())
